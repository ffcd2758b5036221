import { type ChildProcess, spawn } from 'node:child_process'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'

const LOW_PRIORITY = 10

/** Runs the compiler after a reload, one at a time: code with type errors runs, but they are reported. */
export class TypeCheck {
  readonly #root: string
  readonly #state: string
  #child: ChildProcess | undefined
  #wasBad = false

  constructor(root: string, state: string) {
    this.#root = root
    this.#state = state
  }

  start(): void {
    this.stop()
    const compiler = join(this.#root, 'node_modules/typescript/bin/tsc')
    const info = join(this.#state, 'types.tsbuildinfo')
    const child = spawn(
      process.execPath,
      // One checker: four, the usual, make the same types four times, 24 s of CPU in place of 9.
      [
        compiler,
        '--noEmit',
        '--checkers',
        '1',
        '--incremental',
        '--tsBuildInfoFile',
        info,
        '--pretty',
        'false',
      ],
      // In its own process group, because the compiler starts another process that must end with it.
      { cwd: this.#root, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    )
    this.#child = child
    // With lower priority than the reloaded code, which the author tries first.
    if (child.pid) setPriority(child.pid, LOW_PRIORITY)
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk))
    child.on('error', () => undefined)
    child.on('exit', (code) => {
      if (this.#child !== child) return
      const errors = text.trim().split('\n').slice(0, 10).join('\n')
      if (code) console.error(styleText('yellow', `Types:\n${errors}`))
      else if (this.#wasBad) console.log(styleText('green', 'Types are right again.'))
      this.#wasBad = Boolean(code)
    })
  }

  get pid(): number | undefined {
    return this.#isRunning ? this.#child?.pid : undefined
  }

  /** @returns whether a check was running. */
  stop(): boolean {
    const pid = this.pid
    if (!pid) return false
    this.#child = undefined
    try {
      // The compiler ignores SIGTERM and continues for 10 s, using 1 GB and a core.
      process.kill(-pid, 'SIGKILL')
    } catch {
      // The process has just ended.
    }
    return true
  }

  get #isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }
}

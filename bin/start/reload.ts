/** `npm run dev`: runs changed files after each save, and checks the types. */
import { styleText } from 'node:util'
import type { Synthesize } from '../../lib/assembly/synthesize.ts'
import type { Runtime } from '../../lib/local/runtime.ts'
import { TypeCheck } from './type-check.ts'

/** Changes come in bursts: an editor writes several files, a checkout hundreds. */
const DEBOUNCE_MS = 150

export interface ReloadOptions {
  readonly root: string
  readonly state: string
  readonly runtime: Runtime
  readonly synthesize: Synthesize
  readonly isReadable: boolean
  /** The assembly that runs at the start. */
  readonly running: string
}

export async function reloadOnChange(options: ReloadOptions): Promise<void> {
  const { root, state, runtime, synthesize, isReadable } = options
  const { watch } = await import('chokidar')
  const types = new TypeCheck(root, state)
  process.once('exit', () => types.stop())
  let { running } = options
  let timer: NodeJS.Timeout | undefined
  let work = Promise.resolve()
  const changed = new Set<string>()
  const reload = async () => {
    const startedAt = performance.now()
    const paths = [...changed]
    changed.clear()
    // The check would slow the reload down, and the files it reads have changed.
    const wasChecking = types.stop()
    try {
      const directory = await synthesize(state, process.env, { isReadable, changed: paths, from: running })
      if (directory === running) {
        if (wasChecking) types.start()
        return
      }
      await runtime.deploy(directory)
      running = directory
      console.log(styleText('green', `Reloaded (${((performance.now() - startedAt) / 1_000).toFixed(1)} s)`))
    } catch (cause) {
      // Files that failed to load must be built again with the next change.
      for (const path of paths) changed.add(path)
      console.error(styleText('red', `Not reloaded, the old code still runs: ${(cause as Error).message}`))
    }
    types.start()
  }
  // Generated files are written by the reload itself.
  const ignored = (path: string) => path.includes('.gen.') || path.includes('node_modules')
  const watcher = watch(['functions', 'lib'], { cwd: root, ignoreInitial: true, ignored })
  watcher.on('all', (_, path) => {
    changed.add(path)
    clearTimeout(timer)
    timer = setTimeout(() => {
      work = work.then(reload)
    }, DEBOUNCE_MS)
  })
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  console.log(
    styleText('dim', '  Watching functions/ and lib/. A change of lib/local/ or .env wants a restart.\n'),
  )
}

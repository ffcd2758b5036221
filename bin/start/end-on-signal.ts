/** How `npm start` ends: by Ctrl-C, by `kill`, with its terminal, or with the npm that started it. */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

/** A stop gives what runs 3 s, and the services one. */
export const STOPPING_MS = 6_000

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** How often it is looked whether npm is still there. */
const LOOK_MS = 500

/**
 * Until there is something to stop, a signal ends the process at once. Either way by `process.exit`: what it has started
 * (environments, the bundler, the compiler) ends in the handlers of that event, which a signal's own way out skips.
 *
 * @returns takes what is to be done first from then on; a second signal does not wait for it.
 */
export function endOnSignal(): (stop: () => Promise<void>) => void {
  let first: (() => Promise<void>) | undefined
  let isStopping = false
  const end = async (signal: (typeof SIGNALS)[number]) => {
    if (isStopping || !first) process.exit(128 + constants.signals[signal])
    isStopping = true
    console.log('\nStopping. Tasks that run go on at the next start; press Ctrl-C again to stop at once.')
    // A thread that stands at a breakpoint does not end.
    setTimeout(() => process.exit(0), STOPPING_MS).unref()
    await first().catch((cause: Error) => console.error(cause.message))
    process.exit(0)
  }
  for (const signal of SIGNALS) process.on(signal, end)
  // A terminal that is closed, a pipe that nobody reads: no reason to end, and none to end half-way.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  if (process.env.npm_lifecycle_event) endWithParent(() => end('SIGHUP'))
  return (stop) => {
    first = stop
  }
}

/**
 * npm passes on two signals, and to the shell between, which dies of them alone; killed by another, as editors and process
 * managers do, it passes on none. So it is looked whether both are there.
 */
function endWithParent(end: () => void): void {
  const shell = process.ppid
  const npm = parentOf(shell)
  const timer = setInterval(() => {
    if (process.ppid === shell && (npm === undefined || parentOf(shell) === npm)) return
    clearInterval(timer)
    end()
  }, LOOK_MS)
  timer.unref()
}

/** Undefined where the system has no such file: there the shell becomes the program, and npm is the parent. */
function parentOf(pid: number): number | undefined {
  try {
    const [, parent] = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return parent === undefined ? undefined : Number(parent)
  } catch {
    return undefined
  }
}

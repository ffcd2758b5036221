/** Ends `npm start`: after Ctrl-C, `kill`, the end of its terminal, or of the npm that started it. */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

/** A stop allows running work 3 s, and the services one. */
export const STOPPING_MS = 6_000

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Interval of the check whether npm still runs. */
const PARENT_CHECK_MS = 500

/**
 * A signal before the start has finished ends the process at once. Always with `process.exit`: child processes (environments, the
 * bundler, the compiler) are ended by handlers of that event, which the default action of a signal skips.
 *
 * @returns a function that sets what to do first at a signal; a second signal does not wait for it.
 */
export function endOnSignal(): (stop: () => Promise<void>) => void {
  let first: (() => Promise<void>) | undefined
  let isStopping = false
  const end = async (signal: (typeof SIGNALS)[number]) => {
    if (isStopping || !first) process.exit(128 + constants.signals[signal])
    isStopping = true
    console.log('\nStopping. Running tasks continue at the next start; press Ctrl-C again to stop at once.')
    // A thread that is stopped at a breakpoint does not end.
    setTimeout(() => process.exit(0), STOPPING_MS).unref()
    await first().catch((cause: Error) => console.error(cause.message))
    process.exit(0)
  }
  for (const signal of SIGNALS) process.on(signal, end)
  // A closed terminal or pipe is no reason to end, or to end before everything is stopped.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  if (process.env.npm_lifecycle_event) endWithParent(() => end('SIGHUP'))
  return (stop) => {
    first = stop
  }
}

/**
 * npm forwards two signals, but the shell between npm and this process ends without forwarding them; killed by another signal, as
 * editors and process managers do, npm forwards none. So this process checks whether both still run.
 */
function endWithParent(end: () => void): void {
  const shell = process.ppid
  const npm = parentOf(shell)
  const timer = setInterval(() => {
    if (process.ppid === shell && (npm === undefined || parentOf(shell) === npm)) return
    clearInterval(timer)
    end()
  }, PARENT_CHECK_MS)
  timer.unref()
}

/** Undefined on systems without this file, where the shell is replaced by the program, and npm is the parent. */
function parentOf(pid: number): number | undefined {
  try {
    const [, parent] = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return parent === undefined ? undefined : Number(parent)
  } catch {
    return undefined
  }
}

import { type ChildProcess, fork } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { toReadableMessage } from '../readable-message.ts'
import type { EnvironmentMessage } from './environment-messages.ts'
import {
  ENTRY,
  ENVIRONMENT_GONE,
  emitLines,
  orderOf,
  outOfMemory,
  type Sandbox,
  type SandboxOptions,
  YOUNG_GENERATION_MB,
} from './sandbox.ts'

/** Share of a function's memory for the heap; buffers need the rest. */
const HEAP_SHARE = 0.9

/** Memory of Node itself; 45 MB of it are shared with other Node processes (measured 2026-11-25: 70 MB). */
const NODE_MB = 100

/**
 * glibc keeps freed memory of each thread in separate arenas, up to eight per core in a process. Two are enough for an event
 * loop and its helper threads.
 */
const ALLOCATOR = { MALLOC_ARENA_MAX: '2' }

/** V8 aborts at its limit, or raises a trap signal when one allocation does not fit; a system without memory kills. */
const OUT_OF_MEMORY: ReadonlySet<NodeJS.Signals> = new Set(['SIGABRT', 'SIGTRAP', 'SIGILL', 'SIGKILL'])

/** Killed when this process ends, because a process that computes would not notice it. */
const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/**
 * A process: its code cannot affect others, even if one allocation is larger than the machine's memory. For functions that run
 * authors' code on answers and files of others. Compared with a thread (measured 2026-11-25, the workers' bundle) it takes
 * 30 ms more to start, and returns all its memory when it ends.
 */
export function openProcessSandbox(options: SandboxOptions): Sandbox {
  const { plan, env, onMessage, onLine, onEnd } = options
  const heapMb = Math.ceil(plan.memoryMb * HEAP_SHARE)
  const child = fork(ENTRY, [JSON.stringify(orderOf(options))], {
    env: { ...ALLOCATOR, ...env },
    execArgv: [`--max-old-space-size=${heapMb}`, `--max-semi-space-size=${YOUNG_GENERATION_MB / 2}`],
    // Sends the bytes of a streamed answer without converting them.
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  living.add(child)
  let reportedMb: number | undefined
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      living.delete(child)
      const { errorType } = ENVIRONMENT_GONE
      const isHungry = signal !== null && OUT_OF_MEMORY.has(signal)
      onEnd(
        isHungry
          ? outOfMemory(plan)
          : { errorType, errorMessage: `The environment ended with ${signal ?? code}` },
      )
      resolve()
    })
    child.on('error', (cause) => {
      onEnd({ errorType: 'Runtime.ProcessError', errorMessage: toReadableMessage(cause) })
      if (child.pid !== undefined) return
      living.delete(child)
      resolve()
    })
  })
  const hasStarted = new Promise<boolean>((resolve) => {
    child.once('spawn', () => resolve(true))
    child.once('error', () => resolve(false))
  })
  for (const output of [child.stdout, child.stderr])
    output?.on('data', (chunk: Buffer) => emitLines(chunk, onLine))
  child.on('message', (message: EnvironmentMessage) => {
    if (message.kind === 'memory') reportedMb = message.usedMb
    else if (message.kind === 'crashed') onEnd(message.error)
    else onMessage(message)
  })
  return {
    maxMemoryMb: plan.memoryMb + NODE_MB,
    hasStarted,
    post: (order) => void child.send(order, () => undefined),
    usedMb: async () => (await residentMb(child.pid)) ?? reportedMb,
    async end() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** As reported by the system; undefined where it is not available (it is on Linux). */
async function residentMb(pid: number | undefined): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(status) ?? []
  return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1_024)
}

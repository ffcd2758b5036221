import { Worker } from 'node:worker_threads'
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

/**
 * V8 ends the whole process, not only the thread, when one large allocation does not fit. So the thread's limit is this much
 * above the function's memory, which is measured from outside. Code that may exceed it runs in a process.
 */
const HEADROOM_MB = 1_024

/** A thread: the fastest to start and to exchange messages with, for functions whose input size the API limits. */
export function openThreadSandbox(options: SandboxOptions): Sandbox {
  const { plan, env, onMessage, onLine, onEnd } = options
  const thread = new Worker(ENTRY, {
    env: { ...env },
    workerData: orderOf(options),
    resourceLimits: {
      maxOldGenerationSizeMb: plan.memoryMb + HEADROOM_MB,
      maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
    },
    stdout: true,
    stderr: true,
    execArgv: [],
  })
  // Output that the thread itself does not collect: warnings of Node, and messages before a crash.
  for (const output of [thread.stdout, thread.stderr])
    output.on('data', (chunk: Buffer) => emitLines(chunk, onLine))
  thread.on('message', (message: EnvironmentMessage) => {
    if (message.kind === 'crashed') onEnd(message.error)
    else onMessage(message)
  })
  thread.on('error', (cause: Error & { code?: string }) =>
    onEnd(
      cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? outOfMemory(plan)
        : { errorType: 'Runtime.UnhandledError', errorMessage: cause.message },
    ),
  )
  thread.on('exit', () => onEnd(ENVIRONMENT_GONE))
  return {
    maxMemoryMb: plan.memoryMb,
    hasStarted: new Promise((resolve) => {
      thread.once('online', () => resolve(true))
      // It was ended earlier, e.g. because it took too long to load.
      thread.once('exit', () => resolve(true))
      thread.once('error', () => resolve(false))
    }),
    post: (order) => thread.postMessage(order),
    async usedMb() {
      // A thread that computes does not answer, and a page must not wait for it.
      const answer = thread.getHeapStatistics().catch(() => undefined)
      const late = new Promise<undefined>((resolve) => setTimeout(resolve, 200, undefined).unref())
      const heap = await Promise.race([answer, late])
      return heap && Math.round((heap.used_heap_size + heap.external_memory) / 1_048_576)
    },
    end: async () => void (await thread.terminate()),
  }
}

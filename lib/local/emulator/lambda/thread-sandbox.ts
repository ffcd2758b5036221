import { Worker } from 'node:worker_threads'
import type { EnvironmentMessage } from './environment-messages.ts'
import {
  ENTRY,
  isGone,
  orderOf,
  outOfMemory,
  type Sandbox,
  type SandboxOptions,
  tellLines,
  YOUNG_MB,
} from './sandbox.ts'

/**
 * V8 ends the whole process, not the thread, when one large piece does not fit. So the thread's own limit stands this far
 * above the function's memory, and the memory itself is watched from outside. What may take more runs in a process.
 */
const HEADROOM_MB = 1_024

/** A thread: the quickest to start and to talk to, for functions whose input is bounded by the API. */
export function openThread(options: SandboxOptions): Sandbox {
  const { plan, env, onMessage, onLine, onEnd } = options
  const thread = new Worker(ENTRY, {
    env: { ...env },
    workerData: orderOf(options),
    resourceLimits: {
      maxOldGenerationSizeMb: plan.memoryMb + HEADROOM_MB,
      maxYoungGenerationSizeMb: YOUNG_MB,
    },
    stdout: true,
    stderr: true,
    execArgv: [],
  })
  // What the thread itself does not gather: warnings of Node, and the last words before it dies.
  for (const output of [thread.stdout, thread.stderr])
    output.on('data', (chunk: Buffer) => tellLines(chunk, onLine))
  thread.on('message', (message: EnvironmentMessage) => onMessage(message))
  thread.on('error', (cause: Error & { code?: string }) =>
    onEnd(
      cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? outOfMemory(plan)
        : { errorType: 'Runtime.UnhandledError', errorMessage: cause.message },
    ),
  )
  thread.on('exit', () => onEnd(isGone))
  return {
    mostMb: plan.memoryMb,
    isThere: new Promise((resolve) => {
      thread.once('online', () => resolve(true))
      // Ended before that, as one that takes too long to load.
      thread.once('exit', () => resolve(true))
      thread.once('error', () => resolve(false))
    }),
    post: (order) => thread.postMessage(order),
    async usedMb() {
      // A thread that computes does not answer; a page must not wait for it.
      const answer = thread.getHeapStatistics().catch(() => undefined)
      const late = new Promise<undefined>((resolve) => setTimeout(resolve, 200, undefined).unref())
      const heap = await Promise.race([answer, late])
      return heap && Math.round((heap.used_heap_size + heap.external_memory) / 1_048_576)
    },
    end: async () => void (await thread.terminate()),
  }
}

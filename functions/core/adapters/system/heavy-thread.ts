import { Worker } from 'node:worker_threads'
import { TaskError } from '../../domain/errors.ts'
import type { HeavyWork } from '../../ports/heavy-work.ts'

/**
 * The heap that one piece of work may take; a 300-page PDF needs some 120 MB. Buffers come on top and are bounded by the
 * work itself.
 */
const HEAP_MB = 256
const TIMEOUT_MS = 120_000
/** How often it is looked at what the whole process holds: a reader fills some 10 MB in this time. */
const LOOK_MS = 20

export interface HeavyLimits {
  /** The thread's heap. */
  readonly heapMb: number
  readonly timeoutMs: number
  /**
   * What the whole process may hold while the thread runs: its buffers lie outside of its heap, and an environment that is
   * ended for its memory takes all its tasks with it.
   */
  readonly processMb: number
}

export interface HeavyReply {
  readonly value?: unknown
  readonly error?: { readonly code: string; readonly message: string; readonly retry: 'never' | 'counted' }
}

/** In the bundle the thread's entry is beside the code that starts it; in the source it is a file of its own. */
const entry = (): URL =>
  import.meta.url.endsWith('.ts')
    ? new URL('../../../workers/heavy.ts', import.meta.url)
    : new URL('./heavy.mjs', import.meta.url)

/**
 * A thread per piece of work, one at a time in an execution environment: ten tasks of a batch that parse side by side
 * would need the memory of ten. The event loop of the batch stays free, so that heartbeats, cancels and the other tasks
 * go on; a thread that runs out of memory ends alone.
 *
 * Not an environment of the function per file (a lane of batch 1): waits on the model would then be paid one by one.
 */
export function openHeavyThread({
  heapMb = HEAP_MB,
  timeoutMs = TIMEOUT_MS,
  processMb = Number.POSITIVE_INFINITY,
}: Partial<HeavyLimits> = {}): HeavyWork {
  let last: Promise<unknown> = Promise.resolve()
  return ({ name, input, signal }) => {
    const mine = last.then(async () => {
      signal.throwIfAborted()
      const isLate = typeof input === 'function'
      const made: unknown = isLate ? await input() : input
      return runOne({ name, input: made, moved: isLate ? ownBuffers(made) : [] }, signal, {
        heapMb,
        timeoutMs,
        processMb,
      })
    })
    last = mine.catch(() => undefined)
    return mine
  }
}

/** Buffers made for the thread alone: moving 100 MB costs nothing, copying it the same again. */
const ownBuffers = (input: unknown): readonly ArrayBuffer[] =>
  input === null || typeof input !== 'object'
    ? []
    : Object.values(input).flatMap((value) =>
        value instanceof Uint8Array &&
        value.buffer instanceof ArrayBuffer &&
        value.byteLength === value.buffer.byteLength
          ? [value.buffer]
          : [],
      )

function runOne(
  {
    name,
    input,
    moved,
  }: { readonly name: string; readonly input: unknown; readonly moved: readonly ArrayBuffer[] },
  signal: AbortSignal,
  { heapMb, timeoutMs, processMb }: HeavyLimits,
): Promise<unknown> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const thread = new Worker(entry(), {
      workerData: { name, input },
      transferList: [...moved],
      // No key, no queue: it reads files that anybody may have made.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 },
    })
    const tooComplex = (what: string) =>
      new TaskError(`Reading the file took more ${what} than it may.`, { code: 'file_too_complex' })
    const end = (finish: () => void) => {
      clearTimeout(timer)
      clearInterval(watch)
      signal.removeEventListener('abort', onAbort)
      finish()
      void thread.terminate()
    }
    const onAbort = () => end(() => reject(signal.reason))
    const timer = setTimeout(() => end(() => reject(tooComplex('time'))), timeoutMs)
    const watch = setInterval(() => {
      if (process.memoryUsage.rss() > processMb * 1_048_576) end(() => reject(tooComplex('memory')))
    }, LOOK_MS)
    signal.addEventListener('abort', onAbort, { once: true })
    thread.once('message', ({ value, error }: HeavyReply) =>
      end(() => (error ? reject(new TaskError(error.message, error)) : resolve(value))),
    )
    thread.once('error', (error: Error & { code?: string }) =>
      end(() => reject(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooComplex('memory') : error)),
    )
    thread.once('exit', (code) => end(() => reject(new Error(`The reading thread ended with ${code}.`))))
  })
}

import { Worker } from 'node:worker_threads'
import { TaskError } from '../../domain/errors.ts'
import type { HeavyWork } from '../../ports/heavy-work.ts'

/**
 * The heap of one piece of work; a 300-page PDF needs about 120 MB. Buffers are not part of the heap and are limited by the
 * work itself.
 */
const HEAP_MB = 256
const TIMEOUT_MS = 120_000
/** Interval between checks of the process's memory: a parser fills about 10 MB in this time. */
const MEMORY_CHECK_MS = 20

export interface HeavyLimits {
  readonly heapMb: number
  readonly timeoutMs: number
  /**
   * Memory of the whole process at which the thread is stopped: its buffers are outside its heap, and Lambda ends an
   * environment that exceeds its memory with all its tasks.
   */
  readonly processMb: number
}

export interface HeavyReply {
  readonly value?: unknown
  readonly error?: { readonly code: string; readonly message: string; readonly retry: 'never' | 'counted' }
}

/** In the bundle, the thread's entry is beside the code that starts it; in the source it is a file of its own. */
const entry = (): URL =>
  import.meta.url.endsWith('.ts')
    ? new URL('../../../workers/heavy.ts', import.meta.url)
    : new URL('./heavy.mjs', import.meta.url)

/**
 * One thread per piece of work, one at a time in an execution environment: ten tasks of a batch that parse at the same time
 * would need the memory of ten. The batch's event loop stays free for heartbeats, cancellations and the other tasks; a thread
 * that runs out of memory ends alone.
 *
 * Not used: an environment per file (a lane with batch size 1), because waits for a model would then be paid separately.
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

/** Buffers created only for the thread: they are moved, since copying 100 MB would need the same memory again. */
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
      // Without keys and queue URLs, because the thread reads files that anybody may have made.
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
    }, MEMORY_CHECK_MS)
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

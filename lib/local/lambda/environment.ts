import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { FunctionPlan } from '../template/plan.ts'
import type {
  EnvironmentMessage,
  EnvironmentReply,
  InvocationOrder,
  LambdaError,
  TakenOrder,
} from './environment-messages.ts'
import type { FunctionLog } from './function-log.ts'

/** What a caller of Lambda sees when the function did not answer: it threw, timed out, ran out of memory or died. */
export class InvocationError extends Error {
  readonly error: LambdaError

  constructor(error: LambdaError) {
    super(`${error.errorType}: ${error.errorMessage}`)
    this.name = 'InvocationError'
    this.error = error
  }
}

/** Takes a streamed answer piece by piece; the next one comes when it has taken this one. */
export type TakePiece = (bytes: Uint8Array) => Promise<void>

export interface EnvironmentOptions {
  /** Everything in `process.env` of the function. */
  readonly env: Readonly<Record<string, string>>
  readonly compileCache: string
  readonly log: FunctionLog
}

/** Lambda gives a function 10 s to load. */
const INIT_MS = 10_000

/**
 * V8 ends the whole process, not the thread, when one large piece does not fit: an answer of 100 MB as a string did. So
 * the thread's own limit stands this far above the function's memory, and the memory itself is watched from outside.
 */
const HEADROOM_MB = 1_024
const WATCH_EVERY_MS = 250
/** Looks in a row that find too much: what only waits to be collected goes between two of them. */
const LOOKS = 3

/** Space for short-lived objects. V8's own choice of 48 is 20 MB more per environment under load, and no faster. */
const YOUNG_MB = 8

/**
 * One execution environment: a worker thread that has loaded one bundle and takes one event at a time. It is gone
 * after a timeout or a crash, as an environment of Lambda is.
 */
export class Environment {
  readonly id = randomUUID().slice(0, 8)
  readonly startedAt = Date.now()
  readonly #plan: FunctionPlan
  readonly #log: FunctionLog
  readonly #thread: Worker
  readonly #isLoaded: Promise<void>
  #settle: ((reply: EnvironmentReply) => void) | undefined
  #take: TakePiece | undefined
  #isDead = false
  invocations = 0
  /** The event in hand, as JSON. */
  current: string | undefined
  idleSince = Date.now()

  constructor(plan: FunctionPlan, { env, compileCache, log }: EnvironmentOptions) {
    this.#plan = plan
    this.#log = log
    this.#thread = new Worker(join(import.meta.dirname, 'environment-thread.mjs'), {
      env: { ...env },
      workerData: {
        functionName: plan.functionName,
        functionArn: plan.arn,
        codeDirectory: plan.codeDirectory,
        handler: plan.handler,
        memoryMb: plan.memoryMb,
        compileCache,
      },
      resourceLimits: {
        maxOldGenerationSizeMb: plan.memoryMb + HEADROOM_MB,
        maxYoungGenerationSizeMb: YOUNG_MB,
      },
      stdout: true,
      stderr: true,
      execArgv: [],
    })
    // What the thread itself does not gather: warnings of Node, and the last words before it dies.
    for (const output of [this.#thread.stdout, this.#thread.stderr])
      output.on('data', (chunk: Buffer) => {
        for (const line of chunk.toString().trimEnd().split('\n')) log.write(line)
      })
    this.#thread.on('message', (message: EnvironmentMessage) => {
      if (message.kind === 'lines') for (const line of message.lines) log.write(line)
      else if (message.kind === 'piece') void this.#pass(message.bytes)
      else this.#settle?.(message)
    })
    this.#thread.on('error', (cause: Error & { code?: string }) =>
      this.#die(
        cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? this.#outOfMemory
          : { errorType: 'Runtime.UnhandledError', errorMessage: cause.message },
      ),
    )
    this.#thread.on('exit', () =>
      this.#die({ errorType: 'Runtime.ExitError', errorMessage: 'The environment is gone' }),
    )
    this.#isLoaded = this.#wait(INIT_MS, 'Runtime.InitTimeout').then((reply) => {
      if (reply.kind === 'ready') return
      void this.stop()
      throw new InvocationError(
        reply.kind === 'broken' ? reply.error : { errorType: 'Runtime.InitError', errorMessage: reply.kind },
      )
    })
    this.#isLoaded.catch(() => undefined)
  }

  /** As the thread itself knows it. */
  get threadId(): number {
    return this.#thread.threadId
  }

  get isDead(): boolean {
    return this.#isDead
  }

  get isBusy(): boolean {
    return this.#settle !== undefined
  }

  /** What its code has in memory; undefined once it is gone. */
  async usedMb(): Promise<number | undefined> {
    if (this.#isDead) return undefined
    // A thread that computes does not answer; a page must not wait for it.
    const answer = this.#thread.getHeapStatistics().catch(() => undefined)
    const late = new Promise<undefined>((resolve) => setTimeout(resolve, 200, undefined).unref())
    const heap = await Promise.race([answer, late])
    return heap && Math.round((heap.used_heap_size + heap.external_memory) / 1_048_576)
  }

  get #outOfMemory(): LambdaError {
    const errorMessage = `The function used more than ${this.#plan.memoryMb} MB`
    return { errorType: 'Runtime.OutOfMemory', errorMessage }
  }

  /** Ends the environment when its function has more in memory than it may. @returns what ends the watch. */
  #watch(): () => void {
    const { memoryMb } = this.#plan
    let found = 0
    const look = async () => {
      const used = (await this.usedMb()) ?? 0
      found = used > memoryMb ? found + 1 : 0
      if (found < LOOKS && used <= memoryMb + HEADROOM_MB / 2) return
      this.#die(this.#outOfMemory)
      await this.#thread.terminate()
    }
    const timer = setInterval(() => void look(), WATCH_EVERY_MS).unref()
    return () => clearInterval(timer)
  }

  /**
   * @param event as JSON.
   * @param take receives a streamed answer; without it such an answer is given whole, as text.
   * @returns the answer as JSON; `null` for one that was streamed to `take`.
   * @throws InvocationError
   */
  async invoke(event: string, take?: TakePiece): Promise<string> {
    await this.#isLoaded
    if (this.#isDead)
      throw new InvocationError({ errorType: 'Runtime.ExitError', errorMessage: 'The environment is gone' })
    const { timeoutMs } = this.#plan
    const pieces: Uint8Array[] = []
    this.#take = take ?? (async (bytes) => void pieces.push(bytes))
    const order: InvocationOrder = { kind: 'invoke', requestId: randomUUID(), event, timeoutMs }
    const startedAt = performance.now()
    this.invocations += 1
    this.current = event
    this.#thread.postMessage(order)
    const unwatch = this.#watch()
    try {
      const reply = await this.#wait(timeoutMs, 'Sandbox.Timedout')
      if (reply.kind === 'result') return reply.result
      if (reply.kind === 'streamed') return take ? 'null' : JSON.stringify(Buffer.concat(pieces).toString())
      throw new InvocationError(
        reply.kind === 'error' ? reply.error : { errorType: 'Runtime.Unknown', errorMessage: reply.kind },
      )
    } finally {
      unwatch()
      this.#take = undefined
      this.idleSince = Date.now()
      this.current = undefined
      this.#log.report(order.requestId, { durationMs: performance.now() - startedAt, environment: this.id })
    }
  }

  /** Ends it at once, in the middle of whatever it does. */
  async stop(): Promise<void> {
    this.#die({ errorType: 'Runtime.Killed', errorMessage: 'The environment was ended' })
    await this.#thread.terminate()
  }

  /** A receiver that is gone changes nothing: Lambda does not tell a function either. */
  async #pass(bytes: Uint8Array): Promise<void> {
    await this.#take?.(bytes).catch(() => undefined)
    this.#thread.postMessage({ kind: 'taken' } satisfies TakenOrder)
  }

  #die(error: LambdaError): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#settle?.({ kind: 'error', error })
  }

  async #wait(limitMs: number, errorType: string): Promise<EnvironmentReply> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        const errorMessage = `Task timed out after ${(limitMs / 1_000).toFixed(2)} seconds`
        this.#settle?.({ kind: 'error', error: { errorType, errorMessage } })
        void this.stop()
      }, limitMs)
      this.#settle = (reply) => {
        clearTimeout(timer)
        this.#settle = undefined
        resolve(reply)
      }
    })
  }
}

import { randomUUID } from 'node:crypto'
import { toReadableMessage } from '../readable-message.ts'
import type { FunctionPlan } from '../template/plan.ts'
import { patientLimitMs } from '../time-limit.ts'
import type {
  EnvironmentMessage,
  EnvironmentReply,
  InvocationOrder,
  LambdaError,
} from './environment-messages.ts'
import type { FunctionLog } from './function-log.ts'
import { openProcessSandbox } from './process-sandbox.ts'
import { ENVIRONMENT_GONE, type Isolation, outOfMemory, type Sandbox } from './sandbox.ts'
import { openThreadSandbox } from './thread-sandbox.ts'

/** The error that a caller of Lambda gets: the function threw, timed out, ran out of memory or crashed. */
export class InvocationError extends Error {
  readonly error: LambdaError

  constructor(error: LambdaError) {
    super(`${error.errorType}: ${error.errorMessage}`)
    this.name = 'InvocationError'
    this.error = error
  }
}

/** Takes one piece of a streamed answer; the next one is sent when its promise resolves. */
export type TakePiece = (bytes: Uint8Array) => Promise<void>

export interface EnvironmentOptions {
  /** The function's whole `process.env`. */
  readonly env: Readonly<Record<string, string>>
  readonly compileCache: string
  readonly log: FunctionLog
  readonly isolation: Isolation
}

/** Lambda allows a function 10 s to load, on its own processor. At a load of 40 on two cores, loading often took longer. */
const INIT_MS = 60_000

const WATCH_EVERY_MS = 250
/** Consecutive measurements above the limit that end the environment, since memory may be garbage that is not yet collected. */
const MEASUREMENTS = 3
/** With this much above the limit, one measurement is enough. */
const EXCESS_MB = 512

/**
 * One execution environment: a sandbox that has loaded one bundle and handles one event at a time. It ends after a timeout or
 * a crash, like an environment of Lambda.
 */
export class Environment {
  readonly id = randomUUID().slice(0, 8)
  readonly startedAt = Date.now()
  readonly #plan: FunctionPlan
  readonly #log: FunctionLog
  readonly #sandbox: Sandbox
  readonly #isLoaded: Promise<void>
  /** Resolves when its code has loaded, or failed to. */
  readonly hasLoaded: Promise<void>
  #isLoading = true
  #answer: ((reply: EnvironmentReply) => void) | undefined
  #take: TakePiece | undefined
  #isDead = false
  invocations = 0
  /** The event that is being handled, as JSON. */
  current: string | undefined
  idleSince = Date.now()

  constructor(plan: FunctionPlan, { env, compileCache, log, isolation }: EnvironmentOptions) {
    this.#plan = plan
    this.#log = log
    const open = isolation === 'process' ? openProcessSandbox : openThreadSandbox
    this.#sandbox = open({
      id: this.id,
      plan,
      env: { ...env, AWS_LAMBDA_LOG_STREAM_NAME: this.id },
      compileCache,
      onLine: (line) => log.write(line),
      onMessage: (message) => this.#hear(message),
      onEnd: (error) => this.#die(error),
    })
    this.#isLoaded = this.#wait(INIT_MS, 'Runtime.InitTimeout').then((reply) => {
      if (reply.kind === 'ready') return
      void this.stop()
      throw new InvocationError(
        reply.kind === 'broken' || reply.kind === 'error'
          ? reply.error
          : { errorType: 'Runtime.InitError', errorMessage: reply.kind },
      )
    })
    this.hasLoaded = this.#isLoaded
      .catch(() => undefined)
      .finally(() => {
        this.#isLoading = false
      })
  }

  /** @returns which resource the machine lacks, when nothing could be started; then no event was handled. */
  async lacking(): Promise<string | undefined> {
    if (!(await this.#sandbox.hasStarted)) return 'this machine can start no more of them'
    return this.#isLoaded.then(
      () => undefined,
      (cause: Error) => (/\bE[MN]FILE\b/.test(cause.message) ? toReadableMessage(cause) : undefined),
    )
  }

  get isDead(): boolean {
    return this.#isDead
  }

  get isLoading(): boolean {
    return this.#isLoading
  }

  get isBusy(): boolean {
    return this.#answer !== undefined
  }

  /** Memory of its code; undefined after it has ended. */
  async usedMb(): Promise<number | undefined> {
    return this.#isDead ? undefined : this.#sandbox.usedMb()
  }

  /** Ends the environment when its function exceeds its memory. @returns a function that stops the checks. */
  #watch(): () => void {
    const { maxMemoryMb } = this.#sandbox
    let found = 0
    const look = async () => {
      const used = (await this.usedMb()) ?? 0
      found = used > maxMemoryMb ? found + 1 : 0
      if (found < MEASUREMENTS && used <= maxMemoryMb + EXCESS_MB) return
      this.#die(outOfMemory(this.#plan))
      await this.#sandbox.end()
    }
    const timer = setInterval(() => void look(), WATCH_EVERY_MS).unref()
    return () => clearInterval(timer)
  }

  /**
   * @param event as JSON.
   * @param take receives a streamed answer; without it, the streamed answer is returned as one text.
   * @returns the answer as JSON; `null` for one that was streamed to `take`.
   * @throws InvocationError
   */
  async invoke(event: string, take?: TakePiece): Promise<string> {
    await this.#isLoaded
    if (this.#isDead) throw new InvocationError(ENVIRONMENT_GONE)
    const timeoutMs = patientLimitMs(this.#plan.timeoutMs)
    const pieces: Uint8Array[] = []
    this.#take = take ?? (async (bytes) => void pieces.push(bytes))
    const order: InvocationOrder = { kind: 'invoke', requestId: randomUUID(), event, timeoutMs }
    const startedAt = performance.now()
    this.invocations += 1
    this.current = event
    this.#sandbox.post(order)
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

  /** Ends it at once, also during an event. */
  async stop(): Promise<void> {
    this.#die({ errorType: 'Runtime.Killed', errorMessage: 'The environment was ended' })
    await this.#sandbox.end()
  }

  #hear(message: EnvironmentMessage): void {
    switch (message.kind) {
      case 'lines':
        for (const line of message.lines) this.#log.write(line)
        return
      case 'piece':
        return void this.#pass(message.bytes)
      case 'memory':
      case 'crashed':
        // Handled by the sandbox.
        return
      default:
        this.#answer?.(message)
    }
  }

  /** A receiver that has disconnected is ignored, because Lambda does not tell the function either. */
  async #pass(bytes: Uint8Array): Promise<void> {
    await this.#take?.(bytes).catch(() => undefined)
    this.#sandbox.post({ kind: 'taken' })
  }

  #die(error: LambdaError): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#answer?.({ kind: 'error', error })
  }

  async #wait(limitMs: number, errorType: string): Promise<EnvironmentReply> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        const errorMessage = `Task timed out after ${(limitMs / 1_000).toFixed(2)} seconds`
        this.#answer?.({ kind: 'error', error: { errorType, errorMessage } })
        void this.stop()
      }, limitMs)
      this.#answer = (reply) => {
        clearTimeout(timer)
        this.#answer = undefined
        resolve(reply)
      }
    })
  }
}

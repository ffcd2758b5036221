import type { FunctionPlan } from '../template/plan.ts'
import { Environment, type EnvironmentOptions, type TakePiece } from './environment.ts'

/** An environment that is unused for this long is ended; Lambda waits minutes, but a laptop needs its memory. */
const IDLE_MS = 30_000

/** How long an invocation waits when no environment can be started; after that, clients of the API have given up. */
const MAX_WAIT_MS = 25_000
const START_AGAIN_MS = 300

/** No environment could be started and nothing has run, so the caller may invoke again. */
export class NoEnvironmentError extends Error {
  constructor(functionName: string, why: string) {
    super(`No environment of ${functionName} can be started: ${why}`)
    this.name = 'NoEnvironmentError'
  }
}

export interface PoolOptions extends EnvironmentOptions {
  /** Most environments at once; further invocations wait. */
  readonly limit: number
  /** Number of idle environments that are kept once started, so that the next call needs no start. */
  readonly keep: number
  readonly onInvoked?: (outcome: { readonly durationMs: number; readonly isError: boolean }) => void
}

/** A function and its execution environments: started when needed, one event each at a time, reused, ended when idle. */
export class FunctionPool {
  readonly plan: FunctionPlan
  readonly #options: PoolOptions
  readonly #environments = new Set<Environment>()
  readonly #idle: Environment[] = []
  /** Each gets an environment, or undefined: then it tries again. */
  readonly #waiting: ((environment: Environment | undefined) => void)[] = []
  readonly #reaper: NodeJS.Timeout
  #isClosed = false
  /** A start failed a moment ago: until this time only existing environments are used. */
  #startFrom = 0
  #running = 0

  constructor(plan: FunctionPlan, options: PoolOptions) {
    this.plan = plan
    this.#options = options
    this.#reaper = setInterval(() => this.#reap(), 5_000).unref()
  }

  get running(): number {
    return this.#running
  }

  get loading(): readonly Environment[] {
    return [...this.#environments].filter(({ isLoading }) => isLoading)
  }

  /** Number of invocations that wait for an environment. */
  get waiting(): number {
    return this.#waiting.length
  }

  get limit(): number {
    return this.#options.limit
  }

  get environments(): readonly Environment[] {
    return [...this.#environments]
  }

  /** @throws InvocationError when the function does not answer. */
  async invoke(event: unknown): Promise<unknown> {
    return JSON.parse(await this.invokeText(JSON.stringify(event ?? null)))
  }

  /**
   * @param event as JSON.
   * @param take receives a streamed answer.
   * @returns the answer as JSON.
   * @throws InvocationError when the function does not answer.
   */
  async invokeText(event: string, take?: TakePiece): Promise<string> {
    const environment = await this.#takeLiving()
    const startedAt = performance.now()
    let isError = true
    this.#running += 1
    try {
      const answer = await environment.invoke(event, take)
      isError = false
      return answer
    } finally {
      this.#running -= 1
      this.#giveBack(environment)
      this.#options.onInvoked?.({ durationMs: performance.now() - startedAt, isError })
    }
  }

  /** Ends one running environment during its work, for tests of crashes. */
  kill(): boolean {
    const victim = [...this.#environments].find((environment) => environment.isBusy)
    void victim?.stop()
    return victim !== undefined
  }

  /** Waits for running events, then ends every environment. @param graceMs after which they are ended anyway. */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#reaper)
    const end = Date.now() + graceMs
    while (this.#running > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20))
    await Promise.all([...this.#environments].map((environment) => environment.stop()))
    for (const give of this.#waiting.splice(0)) give(undefined)
    await this.#options.log.close()
  }

  /** When no environment can be started, waits for a running one. @throws NoEnvironmentError */
  async #takeLiving(): Promise<Environment> {
    const giveUpAt = Date.now() + MAX_WAIT_MS
    for (;;) {
      const environment = await this.#take()
      const lacking = await environment.lacking()
      if (lacking === undefined) return environment
      this.#giveBack(environment)
      if (Date.now() > giveUpAt) throw new NoEnvironmentError(this.plan.name, lacking)
      this.#startFrom = Date.now() + START_AGAIN_MS
      await new Promise((resolve) => setTimeout(resolve, START_AGAIN_MS))
    }
  }

  async #take(): Promise<Environment> {
    for (;;) {
      if (this.#isClosed) throw new Error(`${this.plan.name} is being stopped`)
      for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
        if (!idle.isDead) return idle
        this.#environments.delete(idle)
      }
      const isStartable = Date.now() >= this.#startFrom || this.#environments.size === 0
      if (this.#environments.size < this.#options.limit && isStartable) return this.#start()
      const environment = await new Promise<Environment | undefined>((resolve) => this.#waiting.push(resolve))
      if (environment) return environment
    }
  }

  #start(): Environment {
    const environment = new Environment(this.plan, this.#options)
    this.#environments.add(environment)
    return environment
  }

  #giveBack(environment: Environment): void {
    const { isDead } = environment
    if (isDead) this.#environments.delete(environment)
    const next = this.#waiting.shift()
    if (next) next(isDead ? undefined : environment)
    else if (!isDead) this.#idle.push(environment)
  }

  #reap(): void {
    for (const environment of [...this.#idle]) {
      if (this.#environments.size <= this.#options.keep) return
      if (Date.now() - environment.idleSince < IDLE_MS) continue
      this.#idle.splice(this.#idle.indexOf(environment), 1)
      this.#environments.delete(environment)
      void environment.stop()
    }
  }
}

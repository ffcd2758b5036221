import { causeFields, ProviderError } from '../../domain/errors.ts'
import type { ModelWait } from '../../domain/model-wait.ts'
import {
  costMs,
  HORIZON_MS,
  isCallPlanned,
  limitFor,
  MAX_WAIT_WITHIN_ATTEMPT_MS,
  nearLimit,
  type ProviderLimit,
  ProviderLimitError,
  type ProviderLimits,
  readLimits,
  replanWaitMs,
  startableAheadMs,
} from '../../domain/provider-limit.ts'
import { MAX_UNCOUNTED_MS } from '../../domain/retry.ts'
import { MAX_RETRY_AFTER_MS } from '../../domain/retry-after.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { type ModelRequest, textOf } from '../../ports/model-provider.ts'
import type { ProviderRates } from '../../ports/provider-rates.ts'

interface Dependencies {
  readonly rates: ProviderRates
  /** The limits in the stage's settings. */
  readonly limits: ProviderLimits
  /** Whether limits are also learned from the headers of answers. */
  readonly learns: boolean
  readonly clock: Clock
  readonly log: Log
}

/** A call that is about to be made. */
export interface LimitedCall {
  readonly provider: string
  readonly circuit: string
  readonly tenant: string
  /** The start that was planned for this attempt's first call. */
  readonly planned: ModelWait | undefined
  /** The estimated number of tokens. */
  readonly tokens: number
  /** This attempt has paid for a call, so it waits for the next one instead of ending. */
  readonly isPaid: boolean
  /** Another model can be called if this one cannot answer now. */
  readonly hasOtherModel: boolean
  readonly signal: AbortSignal
}

/**
 * How long a learned limit is valid. No call waits longer for it, or because another task's call was refused: what one
 * answer says may be wrong.
 */
const LEARNED_MS = 60_000
/** Time until an attempt that waits for a planned start tries to plan it again. */
const LOOK_AGAIN_MS = 5_000
/** When more models are known all are forgotten, because callers freely choose the model names of a prefix route. */
const MAX_MODELS = 300

interface CachedLimit {
  readonly limit: ProviderLimit
  readonly until: number
}

/**
 * Keeps the calls of all workers within a provider's limits. One instance per execution environment.
 *
 * A limit in the stage's settings costs one write per call. A limit learned from headers costs writes only while less than
 * half of it remains. A planned start is stored on the task's row, so that the later attempt writes nothing.
 */
export class ProviderLimiter {
  readonly #dependencies: Dependencies
  readonly #known = new Map<string, CachedLimit>()
  /** Tokens that calls used beyond their estimate; added to the cost of the next call. */
  readonly #owed = new Map<string, number>()
  /** Per tenant, the latest start planned by this environment. */
  readonly #plannedUntil = new Map<string, number>()
  readonly #looked = new Set<string>()

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** @throws ProviderLimitError when the call is planned for later. */
  async enter(call: LimitedCall): Promise<void> {
    const { rates, clock } = this.#dependencies
    const { circuit, provider, tenant, planned, isPaid, signal } = call
    for (;;) {
      const limit = await this.#limitOf(call)
      const now = clock.now()
      if (!limit || isCallPlanned(planned, circuit, now)) return
      const owed = this.#owed.get(circuit) ?? 0
      const cost = this.#costOf(circuit, limit, Math.max(1, call.tokens + owed))
      const ahead = startableAheadMs(cost)
      const horizon = this.#horizonOf(call, now)
      const taken = await rates
        .take(circuit, { now, costMs: cost, latest: now + ahead + horizon })
        .catch((cause) => this.#unanswered(cause))
      if (!taken) return
      const waitMs = Math.max(0, Math.ceil(taken.planned - ahead - now))
      if (taken.isTaken) this.#owed.delete(circuit)
      if (taken.isTaken && (waitMs <= MAX_WAIT_WITHIN_ATTEMPT_MS || isPaid)) {
        await clock.sleep(waitMs, signal)
        signal.throwIfAborted()
        return
      }
      const since = planned?.circuit === circuit ? planned.since : now
      if (taken.isTaken) {
        const startAt = now + waitMs
        this.#plan(`${circuit} ${tenant}`, startAt)
        throw new ProviderLimitError(provider, { circuit, since, startAt }, waitMs)
      }
      if (!isPaid)
        throw new ProviderLimitError(
          provider,
          { circuit, since },
          Math.round(replanWaitMs(taken.planned, now, since, clock.random())),
        )
      await clock.sleep(LOOK_AGAIN_MS, signal)
      signal.throwIfAborted()
    }
  }

  /** Records the actual number of tokens; the difference to the estimate is added to the next call. */
  used(circuit: string, thought: number, tokens: number): void {
    if (!this.#known.has(circuit) && !limitFor(this.#dependencies.limits, circuit)) return
    this.#owed.set(circuit, (this.#owed.get(circuit) ?? 0) + tokens - thought)
  }

  /** Learns limits from the headers of an answer or a refusal. Never rejects. */
  async noteHeaders(circuit: string, headers: Readonly<Record<string, string | undefined>>): Promise<void> {
    const { clock, learns, limits } = this.#dependencies
    if (!learns || limitFor(limits, circuit)) return
    const now = clock.now()
    const reported = readLimits(headers, now)
    if (!reported) return
    const limit = nearLimit(reported)
    if (!limit) {
      this.#known.delete(circuit)
      return
    }
    const isNew = !this.#isKnown(circuit, now)
    this.#learn(circuit, limit, now)
    const isOver = (reported.requests?.remaining ?? 1) < 1 || (reported.tokens?.remaining ?? 1) < 1
    if (isNew || isOver)
      await this.#share(circuit, isOver ? now + this.#costOf(circuit, limit, 1) : now, limit, now)
  }

  /**
   * A call was refused because of too many requests: pauses the calls of all workers for the wait that the provider states,
   * at most `LEARNED_MS`; the refused task itself waits as long as it was asked to.
   * Never rejects.
   *
   * @returns the error for the task. Where the limit is known it costs no attempt, for up to an hour: then attempts are used up,
   * so that a task ends even if its provider refuses forever.
   */
  async refused(
    { circuit, provider, planned }: Pick<LimitedCall, 'circuit' | 'provider' | 'planned'>,
    error: unknown,
  ): Promise<ProviderLimitError | undefined> {
    if (!(error instanceof ProviderError) || error.code !== 'provider_rate_limited') return undefined
    const { clock, limits } = this.#dependencies
    const now = clock.now()
    const limit = limitFor(limits, circuit) ?? this.#known.get(circuit)?.limit
    if (!limit) return undefined
    const waitMs = Math.min(error.retryAfterMs ?? this.#costOf(circuit, limit, 1), MAX_RETRY_AFTER_MS)
    await this.#share(circuit, now + Math.min(waitMs, LEARNED_MS), limit, now)
    const since = planned?.circuit === circuit ? planned.since : now
    if (now - since > MAX_UNCOUNTED_MS) return undefined
    const spreadMs = replanWaitMs(now + waitMs, now, since, clock.random())
    return new ProviderLimitError(provider, { circuit, since }, Math.round(Math.max(waitMs, spreadMs)))
  }

  async #limitOf({ circuit, provider }: LimitedCall): Promise<ProviderLimit | undefined> {
    const { limits, learns, rates, clock } = this.#dependencies
    const set = limitFor(limits, circuit)
    if (set || !learns || provider === 'simulated') return set
    const now = clock.now()
    if (!this.#looked.has(circuit)) {
      // Another environment may have learned it: a new environment must not start by exceeding the limit.
      if (this.#looked.size >= MAX_MODELS) this.#looked.clear()
      this.#looked.add(circuit)
      const rate = await rates.read(circuit).catch((cause) => this.#unanswered(cause))
      if (rate?.learned && rate.learned.at > now - LEARNED_MS)
        this.#learn(circuit, rate.learned, rate.learned.at)
    }
    return this.#isKnown(circuit, now) ? this.#known.get(circuit)?.limit : undefined
  }

  #costOf(circuit: string, limit: ProviderLimit, tokens: number): number {
    const isSet = limitFor(this.#dependencies.limits, circuit) !== undefined
    return costMs(limit, tokens, isSet ? MAX_RETRY_AFTER_MS : LEARNED_MS)
  }

  #isKnown(circuit: string, now: number): boolean {
    return (this.#known.get(circuit)?.until ?? 0) > now
  }

  #learn(circuit: string, limit: ProviderLimit, at: number): void {
    if (this.#known.size >= MAX_MODELS) this.#known.clear()
    this.#known.set(circuit, { limit, until: at + LEARNED_MS })
  }

  #horizonOf({ circuit, tenant, isPaid, hasOtherModel }: LimitedCall, now: number): number {
    if (hasOtherModel) return 0
    if (isPaid) return HORIZON_MS
    return (this.#plannedUntil.get(`${circuit} ${tenant}`) ?? 0) > now ? HORIZON_MS : 2 * HORIZON_MS
  }

  #plan(name: string, startAt: number): void {
    if (this.#plannedUntil.size > 10_000) this.#plannedUntil.clear()
    this.#plannedUntil.set(name, Math.max(startAt, this.#plannedUntil.get(name) ?? 0))
  }

  async #share(circuit: string, until: number, limit: ProviderLimit, now: number): Promise<void> {
    const { rates, log } = this.#dependencies
    await rates.learn(circuit, until, limit, now).catch((cause) => this.#unanswered(cause))
    log('provider.limit_near', {
      provider: circuit,
      requests_per_minute: limit.requestsPerMinute,
      tokens_per_minute: limit.tokensPerMinute,
      wait_ms: until - now,
    })
  }

  /** Without an answer of the table, calls are not limited; this is logged. */
  #unanswered(cause: unknown): undefined {
    this.#dependencies.log('provider.limit_unknown', causeFields(cause))
    return undefined
  }
}

/** Estimate of output tokens, because most answers are shorter than their limit. */
const USUAL_OUTPUT = 500
const IMAGE_TOKENS = 1_000

/** Estimated tokens of a call, at four bytes of text per token. */
export function estimateTokens({ messages, system = '', json, maxTokens }: ModelRequest): number {
  let bytes = Buffer.byteLength(system) + (json ? JSON.stringify(json.schema).length : 0)
  let images = 0
  for (const { content } of messages) {
    bytes += Buffer.byteLength(textOf({ role: 'user', content }))
    if (typeof content !== 'string') images += content.filter(({ type }) => type === 'image').length
  }
  return Math.ceil(bytes / 4) + images * IMAGE_TOKENS + Math.min(maxTokens ?? USUAL_OUTPUT, USUAL_OUTPUT)
}

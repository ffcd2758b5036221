/**
 * Requests and tokens per minute that a provider allows for a model. Calls above the limit are not sent and refused. Each gets
 * a planned start, and its task waits for it without using up an attempt.
 *
 * The whole state is one clock per model (generic cell rate algorithm): the time at which the next call of a steady stream
 * would start. Each call moves the clock forward by its cost, the longer of its request's and its tokens' share of a minute.
 */
import { ProviderError } from './errors.ts'
import type { ModelWait } from './model-wait.ts'
import { MAX_RETRY_AFTER_MS, readDuration, untilDate } from './retry-after.ts'

export interface ProviderLimit {
  readonly requestsPerMinute?: number | undefined
  readonly tokensPerMinute?: number | undefined
}

/** By `provider:model`, or a prefix of it ending in `*`; the first match applies. */
export type ProviderLimits = Readonly<Record<string, ProviderLimit>>

export const limitFor = (limits: ProviderLimits, circuit: string): ProviderLimit | undefined => {
  const pattern = Object.keys(limits).find((name) =>
    name.endsWith('*') ? circuit.startsWith(name.slice(0, -1)) : name === circuit,
  )
  return pattern === undefined ? undefined : limits[pattern]
}

const MINUTE_MS = 60_000
/**
 * How far calls may start ahead of the steady stream, as a time. Any minute can contain a minute plus this burst; costs are
 * calculated so that both together are the limit. On average 95 % of the limit is used.
 */
export const BURST_MS = 3_000

/**
 * How far a call moves the clock, at most `mostMs`. All workers share the clock, so that one wrong number of a provider (a
 * limit that resets in ten years, a call of millions of tokens) must not stop a model for longer.
 */
export function costMs(
  { requestsPerMinute, tokensPerMinute }: ProviderLimit,
  tokens: number,
  mostMs = MAX_RETRY_AFTER_MS,
): number {
  const each = (limit: number | undefined, count: number) =>
    limit === undefined ? 0 : (count * (MINUTE_MS + BURST_MS)) / limit
  const cost = Math.max(each(requestsPerMinute, 1), each(tokensPerMinute, tokens))
  return Math.min(mostMs, Math.max(1, Math.ceil(cost)))
}

/** How far ahead of now the clock may be for a call to start at once. A call that costs a whole burst waits until it is not. */
export const startableAheadMs = (cost: number): number => Math.max(0, BURST_MS - cost)

/** Calls are planned at most this far ahead; later ones try again. Twice as far for a tenant without planned calls. */
export const HORIZON_MS = 60_000
/** A shorter wait happens inside the attempt. */
export const MAX_WAIT_WITHIN_ATTEMPT_MS = 2_000
const MAX_RETURN_SPREAD_MS = 3 * 60_000

/**
 * When a task without a planned start tries again: at growing intervals, so that thousands of waiting tasks do not all try
 * every minute.
 */
export function replanWaitMs(planned: number, now: number, waitingSince: number, random: number): number {
  const spread = Math.min(Math.max((now - waitingSince) / 2, HORIZON_MS), MAX_RETURN_SPREAD_MS)
  return Math.max(HORIZON_MS / 4, planned - now - HORIZON_MS / 2) / 2 + spread * (0.5 + random / 2)
}

/** A planned start that was not used for this long has expired, because later calls were planned after it. */
const START_KEPT_MS = 120_000

export const isCallPlanned = (wait: ModelWait | undefined, circuit: string, now: number): boolean =>
  wait?.circuit === circuit &&
  wait.startAt !== undefined &&
  wait.startAt <= now + 1_000 &&
  wait.startAt > now - START_KEPT_MS

/** The call is not made now. Costs no attempt, however long the wait is. */
export class ProviderLimitError extends ProviderError {
  readonly wait: ModelWait

  constructor(provider: string, wait: ModelWait, retryAfterMs: number) {
    super(
      'provider_limit',
      `The limit of ${wait.circuit} is used up; the call waits ${Math.ceil(retryAfterMs / 1_000)} s.`,
      'uncounted',
      provider,
      { retryAfterMs },
    )
    this.wait = wait
  }
}

/** One of a provider's limits, as reported in the headers of an answer. */
export interface ReportedLimit {
  readonly perMinute: number
  readonly remaining: number
  /** Remaining share, 0 to 1. */
  readonly left: number
}

export interface ReportedLimits {
  readonly requests?: ReportedLimit
  readonly tokens?: ReportedLimit
}

type Headers = Readonly<Record<string, string | undefined>>

/**
 * `x-ratelimit-limit-requests`, `-remaining-`, `-reset-` (OpenAI, Azure, Groq and compatible servers), and
 * `anthropic-ratelimit-requests-limit` etc. Of Anthropic's three token limits the tightest counts.
 *
 * A reset states when the whole limit is available again. With the used share it gives the window of the limit, which may
 * be a day.
 */
export function readLimits(headers: Headers, now: number): ReportedLimits | undefined {
  const read = (limit: string, remaining: string, reset: string): ReportedLimit | undefined => {
    const [most, left] = [numberOf(headers[limit]), numberOf(headers[remaining])]
    if (most === undefined || left === undefined || most <= 0) return undefined
    const resetMs = waitOf(headers[reset], now)
    const used = most - left
    const windowMs = resetMs === undefined || used <= 0 ? MINUTE_MS : (most * resetMs) / used
    const minutes = windowMs > 10 * MINUTE_MS ? windowMs / MINUTE_MS : 1
    return { perMinute: most / minutes, remaining: left, left: Math.max(0, Math.min(1, left / most)) }
  }
  const of = (what: string) =>
    read(`x-ratelimit-limit-${what}`, `x-ratelimit-remaining-${what}`, `x-ratelimit-reset-${what}`) ??
    read(
      `anthropic-ratelimit-${what}-limit`,
      `anthropic-ratelimit-${what}-remaining`,
      `anthropic-ratelimit-${what}-reset`,
    )
  const requests = of('requests')
  const tokens = [of('tokens'), of('input-tokens'), of('output-tokens')]
    .filter((told) => told !== undefined)
    .toSorted((one, other) => one.left - other.left)[0]
  return requests || tokens ? { ...(requests ? { requests } : {}), ...(tokens ? { tokens } : {}) } : undefined
}

const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\s*\d{1,15}(\.\d+)?\s*$/.test(text) ? Number(text) : undefined

const waitOf = (text: string | undefined, now: number): number | undefined => {
  if (text === undefined) return undefined
  const seconds = numberOf(text)
  return (
    readDuration(text) ?? untilDate(text, now) ?? (seconds && seconds < 1e9 ? seconds * 1_000 : undefined)
  )
}

/** Below this remaining share calls are planned; above it nothing is counted, since other calls in flight are not visible. */
const PLANNED_BELOW_SHARE = 0.5
/** Below this share calls are slowed down: in a sliding window nothing returns until calls are a minute old. */
const SLOWED_BELOW_SHARE = 0.2
const SLOWEST = 0.1

export const remainingShareOf = ({ requests, tokens }: ReportedLimits): number =>
  Math.min(requests?.left ?? 1, tokens?.left ?? 1)

/** The learned limit when less than `PLANNED_BELOW_SHARE` remains; undefined otherwise. */
export function nearLimit(limits: ReportedLimits): ProviderLimit | undefined {
  const left = remainingShareOf(limits)
  if (left >= PLANNED_BELOW_SHARE) return undefined
  const pace = Math.max(SLOWEST, Math.min(1, left / SLOWED_BELOW_SHARE))
  const { requests, tokens } = limits
  return {
    ...(requests ? { requestsPerMinute: requests.perMinute * pace } : {}),
    ...(tokens ? { tokensPerMinute: tokens.perMinute * pace } : {}),
  }
}

/**
 * How many requests and tokens a minute a provider lets a model have. Calls beyond are not made and refused: they are planned,
 * each at its time, and their tasks wait for it without spending an attempt.
 *
 * One clock per model holds all of it (the generic cell rate algorithm): the time at which the next call of a steady stream
 * would come. A call moves it on by what it costs, which is the longer of what its request and its tokens cost.
 */
import { ProviderError } from './errors.ts'
import type { ModelWait } from './model-wait.ts'
import { MAX_RETRY_AFTER_MS, readDuration, untilDate } from './retry-after.ts'

export interface ProviderLimit {
  readonly requestsPerMinute?: number | undefined
  readonly tokensPerMinute?: number | undefined
}

/** By `provider:model`, or the beginning of it and `*`; the first that fits holds. */
export type ProviderLimits = Readonly<Record<string, ProviderLimit>>

export const limitFor = (limits: ProviderLimits, circuit: string): ProviderLimit | undefined => {
  const pattern = Object.keys(limits).find((name) =>
    name.endsWith('*') ? circuit.startsWith(name.slice(0, -1)) : name === circuit,
  )
  return pattern === undefined ? undefined : limits[pattern]
}

const MINUTE_MS = 60_000
/**
 * What may come at once, as a time. In any minute no more starts than a minute and this are worth, and costs are reckoned so
 * that this is the limit: 95 % of it is used.
 */
export const BURST_MS = 3_000

/**
 * By how much a call moves the clock: an hour at most. The clock is shared and kept, and a provider whose numbers are wrong, a
 * limit that is back in ten years or a call of millions of tokens, must not stop a model for longer than any wait may last.
 */
export function costMs({ requestsPerMinute, tokensPerMinute }: ProviderLimit, tokens: number): number {
  const each = (limit: number | undefined, count: number) =>
    limit === undefined ? 0 : (count * (MINUTE_MS + BURST_MS)) / limit
  const cost = Math.max(each(requestsPerMinute, 1), each(tokensPerMinute, tokens))
  return Math.min(MAX_RETRY_AFTER_MS, Math.max(1, Math.ceil(cost)))
}

/** How far the clock may be ahead for a call to start at once: a dear one waits until the clock stands at now. */
export const aheadMs = (cost: number): number => Math.max(0, BURST_MS - cost)

/** Calls are planned so far ahead at most; who comes later asks again. Twice as far for a tenant that has none planned. */
export const HORIZON_MS = 60_000
/** A shorter wait is waited for by the attempt itself. */
export const WAITED_IN_PLACE_MS = 2_000
const LONGEST_RETURN_MS = 3 * 60_000

/**
 * When a task for which nothing could be planned asks again: the longer it has waited, the more rarely, since thousands that
 * wait must not all ask every minute.
 */
export function returnMs(planned: number, now: number, waitingSince: number, random: number): number {
  const spread = Math.min(Math.max((now - waitingSince) / 2, HORIZON_MS), LONGEST_RETURN_MS)
  return Math.max(HORIZON_MS / 4, planned - now - HORIZON_MS / 2) / 2 + spread * (0.5 + random / 2)
}

/** A planned start that nobody used for so long is over: others were planned behind it. */
const START_KEPT_MS = 120_000

export const isPlanned = (wait: ModelWait | undefined, circuit: string, now: number): boolean =>
  wait?.circuit === circuit &&
  wait.startAt !== undefined &&
  wait.startAt <= now + 1_000 &&
  wait.startAt > now - START_KEPT_MS

/** A call that is not made now. Costs no attempt, however long it lasts. */
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

/** One of a provider's limits, as the headers of an answer tell it. */
export interface ToldLimit {
  readonly perMinute: number
  readonly remaining: number
  /** Part that is left, 0 to 1. */
  readonly left: number
}

export interface ToldLimits {
  readonly requests?: ToldLimit
  readonly tokens?: ToldLimit
}

type Headers = Readonly<Record<string, string | undefined>>

/**
 * `x-ratelimit-limit-requests`, `-remaining-`, `-reset-` (OpenAI, Azure, Groq and servers that speak like them), and
 * `anthropic-ratelimit-requests-limit` and so on. Of Anthropic's three for tokens the tightest counts.
 *
 * A reset says when all is back: with what is used, it tells how long the limit's window is. Some are of a day.
 */
export function readLimits(headers: Headers, now: number): ToldLimits | undefined {
  const read = (limit: string, remaining: string, reset: string): ToldLimit | undefined => {
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

/** From this part of a limit on, calls are planned; while more is left, nobody counts. As many may be on their way unseen. */
const NEAR = 0.5
/** From this part on, more slowly: where a window slides, nothing comes back before the calls of a minute ago are over. */
const SHORT = 0.2
const SLOWEST = 0.1

export const leftOf = ({ requests, tokens }: ToldLimits): number =>
  Math.min(requests?.left ?? 1, tokens?.left ?? 1)

/** What was learned where a limit is near; undefined while there is plenty of all. */
export function nearLimit(told: ToldLimits): ProviderLimit | undefined {
  const left = leftOf(told)
  if (left >= NEAR) return undefined
  const pace = Math.max(SLOWEST, Math.min(1, left / SHORT))
  const { requests, tokens } = told
  return {
    ...(requests ? { requestsPerMinute: requests.perMinute * pace } : {}),
    ...(tokens ? { tokensPerMinute: tokens.perMinute * pace } : {}),
  }
}

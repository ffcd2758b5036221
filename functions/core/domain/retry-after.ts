/** Reads the wait before a retry from the headers, the body or the message of a provider's answer. */

/**
 * Longer waits are reduced to this: a server with a wrong clock must not delay a task for years.
 */
export const MAX_RETRY_AFTER_MS = 60 * 60_000

export interface RetryHints {
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly message: string
  /** A wait stated in the body, milliseconds. */
  readonly waitMs?: number | undefined
  readonly status?: number | undefined
  readonly now: number
}

/** @returns milliseconds, at most `MAX_RETRY_AFTER_MS`; undefined when the answer states no usable wait. */
export function readRetryWait(hints: RetryHints): number | undefined {
  const { headers = {}, waitMs, now } = hints
  const wait =
    readMilliseconds(headers['retry-after-ms']) ??
    readMilliseconds(headers['x-ms-retry-after-ms']) ??
    readRetryAfter(headers['retry-after'], now) ??
    positive(waitMs) ??
    readReset(headers, now) ??
    readMessage(hints.message)
  return wait === undefined ? undefined : Math.min(Math.ceil(wait), MAX_RETRY_AFTER_MS)
}

const positive = (ms: number | undefined): number | undefined =>
  ms !== undefined && ms > 0 && !Number.isNaN(ms) ? ms : undefined

const readMilliseconds = (text: string | undefined): number | undefined =>
  text && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined

/** RFC 9110 §10.2.3: whole seconds, or a date. Past dates and invalid values are ignored. */
function readRetryAfter(text: string | undefined, now: number): number | undefined {
  if (!text) return undefined
  if (/^\s*\d+(\.\d+)?\s*$/.test(text)) return Number(text) * 1_000
  return readDuration(text.trim()) ?? untilDate(text, now)
}

/** Only RFC 3339 and HTTP dates, because `Date.parse` reads many numbers as years. */
export const untilDate = (text: string, now: number): number | undefined =>
  /^\s*(\d{4}-\d\d-\d\dT|[A-Za-z]{3,9}, )/.test(text) ? positive(Date.parse(text) - now) : undefined

/**
 * Reset headers of limits that are used up: `x-ratelimit-remaining-tokens: 0` with `x-ratelimit-reset-tokens: 6m0s`
 * (OpenAI, Azure, Groq), `anthropic-ratelimit-tokens-reset: <RFC 3339>`, `x-ratelimit-reset: <epoch>` (OpenRouter), and in one
 * header `ratelimit: "api";r=0;t=55` (https://huggingface.co/docs/hub/rate-limits), `limit=100, remaining=0, reset=54`.
 */
function readReset(headers: Readonly<Record<string, string | undefined>>, now: number): number | undefined {
  const waits: number[] = []
  const [, amount] = /\b(?:r|remaining)=0\b.{0,100}\b(?:t|reset)=(\d+)/.exec(headers.ratelimit ?? '') ?? []
  if (amount !== undefined) waits.push(Number(amount) * 1_000)
  for (const [name, value] of Object.entries(headers)) {
    if (!value || !/ratelimit/.test(name) || !/(^|-)reset(-|$)/.test(name)) continue
    const remaining = headers[name.replace(/(^|-)reset(?=-|$)/, '$1remaining')]
    if (remaining === undefined || Number(remaining) > 0) continue
    const wait = readDuration(value) ?? untilEpoch(value, now) ?? untilDate(value, now)
    if (wait !== undefined) waits.push(wait)
  }
  return waits.length > 0 ? Math.max(...waits) : undefined
}

/** Seconds or milliseconds since 1970; a smaller number is a wait in seconds. */
function untilEpoch(text: string, now: number): number | undefined {
  if (!/^\d+(\.\d+)?$/.test(text)) return undefined
  const number = Number(text)
  if (number > 1e11) return positive(number - now)
  return number > 1e9 ? positive(number * 1_000 - now) : positive(number * 1_000)
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `1h6m0s`, `20ms`, `34.5s`. */
export function readDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined
  let sum = 0
  for (const [, amount, unit = 's'] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
    sum += Number(amount) * (UNITS[unit] ?? 0)
  return positive(sum)
}

/** A daily limit: the hour at which it resets is not known. */
const DAILY_LIMIT = /\b(tokens|requests|calls|quota|limit) per day\b|\bdaily .{0,20}limit\b/i

/** "Please try again in 1m6.2s", "retry after 26 seconds", "wait 23 seconds": messages of OpenAI, Azure, Groq and GitHub. */
function readMessage(text: string): number | undefined {
  const [, amount = '', unit] =
    /(?:try again (?:in|after)|retry after|retry in|please wait) ((?:\d+(?:\.\d+)?(?:ms|[smhd]))+|\d+(?:\.\d+)?)(?: ?(milliseconds?|seconds?|minutes?|hours?))?\b/i.exec(
      text,
    ) ?? []
  if (amount === '') return DAILY_LIMIT.test(text) ? MAX_RETRY_AFTER_MS : undefined
  if (unit === undefined) return readDuration(amount) ?? positive(Number(amount) * 1_000)
  return readDuration(`${amount}${/^milli/i.test(unit) ? 'ms' : unit.slice(0, 1).toLowerCase()}`)
}

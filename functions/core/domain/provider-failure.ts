/** Creates the errors of model calls. A table beside each provider maps its answers to error codes. */
import { clipEnd } from './clip.ts'
import { ProviderError, type ProviderErrorCode, type Retry } from './errors.ts'
import type { ModelUsage } from './model-usage.ts'
import { readRetryWait } from './retry-after.ts'

export interface CallFailure {
  readonly provider: string
  /** HTTP status of the answer, or the status in an error inside a stream. */
  readonly status?: number | undefined
  /** Error code and type as the provider spells them. */
  readonly code?: string | undefined
  readonly type?: string | undefined
  /** The provider's message; shortened and masked before callers see it. */
  readonly message: string
  /** Header names in lower case. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** A wait stated in the body, milliseconds. */
  readonly waitMs?: number | undefined
  readonly usage?: ModelUsage | undefined
  readonly now: number
}

/** One row of a provider's table. The first row decides whose conditions all match. */
export interface FailureRule {
  readonly status?: readonly number[]
  /** Matches the error's code or type. */
  readonly word?: RegExp
  readonly message?: RegExp
  /** Matches only when the provider states a wait. */
  readonly hasWait?: true
  /** The word has several meanings: a status that allows a retry (408, 429, 5xx) takes precedence. */
  readonly isAmbiguous?: true
  readonly is: ProviderErrorCode
  readonly retry: Retry
  /** Where the provider documents it. */
  readonly source: string
}

/**
 * Decides whether a failed call may be tried again, and when: by the provider's table, else by its header
 * `x-should-retry`, else by the status.
 */
export function failedCall(given: CallFailure, rules: readonly FailureRule[] = []): ProviderError {
  const failure = withoutRest(given)
  const { provider, status, headers = {}, usage } = failure
  const wait = readRetryWait(failure)
  const [code, byStatus] = classify(status)
  const mayComeBack = status !== undefined && byStatus !== 'never'
  const rule = rules.find(
    (row) =>
      (row.status === undefined || (status !== undefined && row.status.includes(status))) &&
      (row.word === undefined || [failure.code, failure.type].some((word) => word && row.word?.test(word))) &&
      (row.message === undefined || row.message.test(failure.message)) &&
      (row.hasWait === undefined || wait !== undefined) &&
      !(row.isAmbiguous && mayComeBack),
  )
  const retry = retryAsked(headers['x-should-retry'], rule) ?? rule?.retry ?? byStatus
  return new ProviderError(
    rule?.is ?? code,
    `${provider} answered ${status ?? 'with an error'}: ${readable(failure.message)}`,
    retry,
    provider,
    {
      ...(status === undefined ? {} : { status }),
      ...(wait === undefined || retry === 'never' ? {} : { retryAfterMs: wait }),
      usage,
    },
  )
}

/** A cause is named in far fewer characters. */
const MAX_MESSAGE_CHARACTERS = 10_000
const MAX_WORD_CHARACTERS = 200

/** Servers may send megabytes, which the expressions of a table would search for minutes. */
const withoutRest = (failure: CallFailure): CallFailure => ({
  ...failure,
  message: failure.message.slice(0, MAX_MESSAGE_CHARACTERS),
  code: failure.code?.slice(0, MAX_WORD_CHARACTERS),
  type: failure.type?.slice(0, MAX_WORD_CHARACTERS),
})

/** The header `x-should-retry`: `false` always holds; `true` only where no row of the table matches, or a vague one. */
function retryAsked(word: string | undefined, rule: FailureRule | undefined): Retry | undefined {
  if (word === 'false') return 'never'
  return word === 'true' && (rule === undefined || rule.isAmbiguous) ? 'counted' : undefined
}

/** An answer with status 400 or above of which nothing else is known. */
export const failedStatus = (failure: {
  readonly provider: string
  readonly status: number
  readonly message: string
  readonly retryAfter?: string | null
  readonly now: number
}): ProviderError =>
  failedCall({ ...failure, headers: failure.retryAfter ? { 'retry-after': failure.retryAfter } : {} })

/** RFC 9110 §15, RFC 6585 (429), and statuses that model servers use: 424, 425, 498 and 529 are faults of the server. */
function classify(status: number | undefined): readonly [ProviderErrorCode, Retry] {
  switch (status) {
    case undefined:
      return ['provider_bad_answer', 'counted']
    case 401:
    case 403:
      return ['provider_unauthorized', 'never']
    case 402:
      return ['provider_quota_exhausted', 'never']
    case 408:
    case 504:
      return ['provider_timeout', 'counted']
    case 451:
      return ['content_refused', 'never']
    case 409:
    case 424:
    case 425:
    case 499:
      return ['provider_unavailable', 'counted']
    case 429:
    case 498:
      return ['provider_rate_limited', 'counted']
    case 501:
    case 505:
      return ['provider_rejected', 'never']
    default:
      // Bedrock's client reports the status of an answer whose stream it could not read.
      if (status < 400) return ['provider_bad_answer', 'counted']
      return status >= 500 ? ['provider_unavailable', 'counted'] : ['provider_rejected', 'never']
  }
}

/** The connection failed before or during the answer. */
export const unreachable = (provider: string, detail: string): ProviderError =>
  new ProviderError(
    'provider_unreachable',
    `${provider} could not be reached: ${readable(detail)}`,
    'counted',
    provider,
  )

/** The attempt's time was over before the first byte of an answer. */
export const unansweredCall = (provider: string): ProviderError =>
  new ProviderError('provider_timeout', `${provider} did not begin to answer.`, 'counted', provider)

/** The answer is unusable: malformed, empty, or ending in the middle. */
export const badAnswer = (
  provider: string,
  detail: string,
  retry: Retry = 'counted',
  usage?: ModelUsage,
): ProviderError =>
  new ProviderError(
    'provider_bad_answer',
    `${provider} gave no whole answer: ${readable(detail)}`,
    retry,
    provider,
    { usage },
  )

export const contentRefused = (provider: string, usage?: ModelUsage): ProviderError =>
  new ProviderError('content_refused', `${provider} refused the content.`, 'never', provider, { usage })

export const truncated = (provider: string, usage?: ModelUsage): ProviderError =>
  new ProviderError(
    'answer_truncated',
    `${provider} cut the answer at a limit of tokens. Allow more tokens, or ask for less.`,
    'never',
    provider,
    { usage },
  )

/** An HTML page with a success status: the address is not that of a model server. */
export const webPage = (provider: string): ProviderError =>
  new ProviderError(
    'provider_rejected',
    `${provider} answered with a web page. Set its base URL to that of its API, which often ends in /v1.`,
    'never',
    provider,
  )

export const tooLarge = (provider: string, bytes: number): ProviderError =>
  new ProviderError(
    'result_too_large',
    `${provider} sent more than ${bytes} bytes; reading stopped there.`,
    'never',
    provider,
  )

export const notConfigured = (provider: string, keyName: string): ProviderError =>
  new ProviderError(
    'provider_not_configured',
    `${provider} has no key. Store it as "${keyName}".`,
    'never',
    provider,
  )

/** The circuit is open: no call was made, so no attempt is used up. */
export const circuitOpen = (circuit: string, waitMs: number): ProviderError =>
  new ProviderError(
    'circuit_open',
    `${circuit} keeps failing; its calls are paused for ${Math.ceil(waitMs / 1_000)} s.`,
    'uncounted',
    circuit,
    { retryAfterMs: waitMs },
  )

/** One line of at most 300 characters; anything similar to a key is masked, because some servers repeat the refused key. */
const readable = (text: string): string =>
  clipEnd(
    text
      .replace(/\b(sk|pk|rk|xai|gsk|xoxb)-[\w*-]{4,}/gi, '$1-…')
      .replace(/\b(Bearer|Basic) +[\w.~+/=-]{6,}/gi, '$1 …')
      // Up to the last @, because a password may contain one that was not escaped.
      .replace(/\/\/[^\s/@:]+:[^\s/]*@/g, '//…@')
      .replace(/\s+/g, ' ')
      .trim(),
    300,
  )

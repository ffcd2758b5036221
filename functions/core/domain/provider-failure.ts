/** Makes the errors of model calls. Which answer of a provider is which error, a table beside each provider says. */
import { clipEnd } from './clip.ts'
import { ProviderError, type ProviderErrorCode, type Retry } from './errors.ts'
import type { ModelUsage } from './model-usage.ts'
import { readWait } from './retry-after.ts'

export interface CallFailure {
  readonly provider: string
  /** Of the answer, or as an error inside a stream tells it. */
  readonly status?: number | undefined
  /** Error code and type as the provider spells them. */
  readonly code?: string | undefined
  readonly type?: string | undefined
  /** What the provider said; shown to callers after trimming and masking. */
  readonly message: string
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** A wait told in the body, milliseconds. */
  readonly waitMs?: number | undefined
  readonly usage?: ModelUsage | undefined
  readonly now: number
}

/** One row of a provider's table. The first row of which all that it names fits decides. */
export interface FailureRule {
  readonly status?: readonly number[]
  /** Fits the error's code or type. */
  readonly word?: RegExp
  readonly message?: RegExp
  /** Only where the provider names a time to come back. */
  readonly hasWait?: true
  /** The word is given to many things: a status that asks to come back (408, 429, 5xx) says more. */
  readonly isVague?: true
  readonly is: ProviderErrorCode
  readonly retry: Retry
  /** Where the provider says so. */
  readonly source: string
}

/**
 * Says whether a failed call may be tried again, and when: by the provider's own table, else by the server's word
 * (`x-should-retry`), else by the status.
 */
export function failedCall(failure: CallFailure, rules: readonly FailureRule[] = []): ProviderError {
  const { provider, status, headers = {}, usage } = failure
  const wait = readWait(failure)
  const [code, byStatus] = classify(status)
  const mayComeBack = status !== undefined && byStatus !== 'never'
  const rule = rules.find(
    (row) =>
      (row.status === undefined || (status !== undefined && row.status.includes(status))) &&
      (row.word === undefined || [failure.code, failure.type].some((word) => word && row.word?.test(word))) &&
      (row.message === undefined || row.message.test(failure.message)) &&
      (row.hasWait === undefined || wait !== undefined) &&
      !(row.isVague && mayComeBack),
  )
  const retry = asked(headers['x-should-retry'], rule) ?? rule?.retry ?? byStatus
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

/** What the server wishes itself. It knows best that a call is in vain; that one is not, only where no row knows better. */
function asked(word: string | undefined, rule: FailureRule | undefined): Retry | undefined {
  if (word === 'false') return 'never'
  return word === 'true' && (rule === undefined || rule.isVague) ? 'counted' : undefined
}

/** An answer with a status of 400 or above of which no more is known. */
export const failedStatus = (failure: {
  readonly provider: string
  readonly status: number
  readonly message: string
  readonly retryAfter?: string | null
  readonly now: number
}): ProviderError =>
  failedCall({ ...failure, headers: failure.retryAfter ? { 'retry-after': failure.retryAfter } : {} })

/** RFC 9110 §15, RFC 6585 (429), and what servers of models add: 424, 425, 498 and 529 are a server's trouble. */
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
      // Bedrock's client tells the status of the answer whose stream it could not read.
      if (status < 400) return ['provider_bad_answer', 'counted']
      return status >= 500 ? ['provider_unavailable', 'counted'] : ['provider_rejected', 'never']
  }
}

/** The connection failed before or while an answer came. */
export const unreachable = (provider: string, detail: string): ProviderError =>
  new ProviderError(
    'provider_unreachable',
    `${provider} could not be reached: ${readable(detail)}`,
    'counted',
    provider,
  )

/** An answer came that is no answer: malformed, empty, or cut in the middle. */
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

export const refused = (provider: string, usage?: ModelUsage): ProviderError =>
  new ProviderError('content_refused', `${provider} refused the content.`, 'never', provider, { usage })

export const truncated = (provider: string, usage?: ModelUsage): ProviderError =>
  new ProviderError(
    'answer_truncated',
    `${provider} cut the answer at a limit of tokens. Allow more tokens, or ask for less.`,
    'never',
    provider,
    { usage },
  )

/** A web page came with a good status: whatever is asked there, it is no model. */
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

/** The provider kept failing, and its calls are paused: nothing was called, so no attempt is spent. */
export const circuitOpen = (circuit: string, waitMs: number): ProviderError =>
  new ProviderError(
    'circuit_open',
    `${circuit} keeps failing; its calls are paused for ${Math.ceil(waitMs / 1_000)} s.`,
    'uncounted',
    circuit,
    { retryAfterMs: waitMs },
  )

/** One line of at most 300 characters, with what looks like a key masked: some servers repeat the one they refused. */
const readable = (text: string): string =>
  clipEnd(
    text
      .replace(/\b(sk|pk|rk|xai|gsk|xoxb)-[\w*-]{4,}/gi, '$1-…')
      .replace(/\b(Bearer|Basic) +[\w.~+/=-]{6,}/gi, '$1 …')
      // Up to the last @: a password may have one, escaped by half.
      .replace(/\/\/[^\s/@:]+:[^\s/]*@/g, '//…@')
      .replace(/\s+/g, ' ')
      .trim(),
    300,
  )

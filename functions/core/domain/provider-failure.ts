/** The one place that says whether a failed model call may be tried again, and when. */
import { ProviderError, type ProviderErrorCode, type Retry } from './errors.ts'

export interface HttpFailure {
  readonly provider: string
  readonly status: number
  /** What the provider said; shown to callers after trimming and masking. */
  readonly message: string
  /** The `Retry-After` header: seconds or an HTTP date. */
  readonly retryAfter?: string | null
  /** The `retry-after-ms` header some providers send. */
  readonly retryAfterMs?: string | null
  /** True when the body says that the content itself was refused. */
  readonly isRefusal?: boolean
  readonly now: number
}

/** @param failure an answer with a status of 400 or above. */
export function failedStatus(failure: HttpFailure): ProviderError {
  const { provider, status } = failure
  const [code, retry] = failure.isRefusal ? (['content_refused', 'never'] as const) : classify(status)
  const wait = retry === 'never' ? undefined : readRetryAfter(failure)
  return new ProviderError(
    code,
    `${provider} answered ${status}: ${safe(failure.message)}`,
    retry,
    provider,
    {
      status,
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    },
  )
}

function classify(status: number): readonly [ProviderErrorCode, Retry] {
  if (status === 429) return ['provider_rate_limited', 'counted']
  if (status === 408) return ['provider_timeout', 'counted']
  if (status === 409 || status >= 500) return ['provider_unavailable', 'counted']
  if (status === 401 || status === 403) return ['provider_unauthorized', 'never']
  return ['provider_rejected', 'never']
}

/** The connection failed before or while an answer came. */
export const unreachable = (provider: string, detail: string): ProviderError =>
  new ProviderError(
    'provider_unreachable',
    `${provider} could not be reached: ${safe(detail)}`,
    'counted',
    provider,
  )

/** An answer came that is no answer: malformed, empty, or cut in the middle. */
export const badAnswer = (provider: string, detail: string): ProviderError =>
  new ProviderError(
    'provider_bad_answer',
    `${provider} gave no whole answer: ${safe(detail)}`,
    'counted',
    provider,
  )

export const refused = (provider: string): ProviderError =>
  new ProviderError('content_refused', `${provider} refused the content.`, 'never', provider)

export const notConfigured = (provider: string, keyName: string): ProviderError =>
  new ProviderError(
    'provider_not_configured',
    `${provider} has no key. Store it as "${keyName}".`,
    'never',
    provider,
  )

/** The provider kept failing, and its calls are paused: nothing was called, so no attempt is spent. */
export const circuitOpen = (provider: string, waitMs: number): ProviderError =>
  new ProviderError(
    'circuit_open',
    `${provider} keeps failing; its calls are paused for ${Math.ceil(waitMs / 1_000)} s.`,
    'uncounted',
    provider,
    { retryAfterMs: waitMs },
  )

/** RFC 9110 §10.2.3: whole seconds, or a date. A date in the past, or nonsense, is no wish. */
function readRetryAfter({ retryAfter, retryAfterMs, now }: HttpFailure): number | undefined {
  if (retryAfterMs && /^\d+(\.\d+)?$/.test(retryAfterMs)) return Math.ceil(Number(retryAfterMs))
  if (!retryAfter) return undefined
  if (/^\s*\d+(\.\d+)?\s*$/.test(retryAfter)) return Math.ceil(Number(retryAfter) * 1_000)
  const date = Date.parse(retryAfter)
  return Number.isNaN(date) || date <= now ? undefined : date - now
}

/** Keys are masked: some servers repeat the one they refused. */
const safe = (text: string): string =>
  text
    .replace(/\b(sk|pk|key|xoxb|Bearer)[-_ ][\w-]{6,}/gi, '$1-…')
    .replace(/\s+/g, ' ')
    .slice(0, 300)

/** The one place that decides what follows a failed attempt. */
import { LIMITS } from '../../contract.ts'
import { ProviderError, TaskRunnerError } from './errors.ts'
import { MAX_RETRY_AFTER_MS } from './retry-after.ts'
import type { TaskFailure } from './task.ts'
import type { Wait } from './transitions.ts'

export interface Policy {
  readonly baseMs: number
  readonly capMs: number
}

export type Decision =
  | { readonly outcome: 'fail'; readonly error: TaskFailure }
  | {
      readonly outcome: 'retry'
      readonly error: TaskFailure
      readonly wait: Wait
      readonly isCounted: boolean
    }

/**
 * Full jitter: a wait drawn evenly from 0 to `base * 2^(attempt - 1)`, capped. Spreads a burst that failed
 * together (Brooker, "Exponential Backoff and Jitter", 2015).
 */
export function backoffMs(attempt: number, policy: Policy, random: number): number {
  return Math.round(random * Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1)))
}

/** What a row, a dead letter and a log may say about an error. Unknown errors are an author's bug and retried. */
export function describeFailure(error: unknown): TaskFailure & { retryAfterMs?: number; isCounted: boolean } {
  if (error instanceof TaskRunnerError)
    return {
      code: error.code,
      message: error.message.slice(0, 1_000),
      retryable: error.retry !== 'never',
      isCounted: error.retry !== 'uncounted',
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    }
  const message = error instanceof Error ? error.message : String(error)
  return {
    code: 'task_failed',
    message: message.slice(0, 1_000) || 'The task failed.',
    retryable: true,
    isCounted: true,
  }
}

/**
 * @param attempt the attempt that failed, 1 for the first.
 * @param random uniform in [0, 1).
 * @param isPaid a provider answered in this attempt: whatever stumbled afterwards, the attempt is spent.
 */
export function decide(
  error: unknown,
  attempt: number,
  maxAttempts: number,
  policy: Policy,
  now: number,
  random: number,
  isPaid = false,
): Decision {
  const { retryAfterMs, isCounted: isOwnFault, ...failure } = describeFailure(error)
  const isCounted = isOwnFault || isPaid
  if (!failure.retryable || (isCounted && attempt >= maxAttempts)) return { outcome: 'fail', error: failure }
  // A provider's own word beats our backoff, never undercuts it, and gets the jitter on top: everybody who
  // was refused in the same second must not come back in the same second.
  const own = backoffMs(attempt, policy, random)
  const delay =
    retryAfterMs === undefined
      ? own
      : Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) + Math.round(random * policy.baseMs)
  // Visibility counts whole seconds: round up, so that the message never returns before the row may be claimed.
  const delayMs = Math.max(1_000, Math.ceil(delay / 1_000) * 1_000)
  const by = delayMs <= LIMITS.queueDelaySeconds * 1_000 ? 'message' : 'sweeper'
  return { outcome: 'retry', error: failure, wait: { until: now + delayMs, by }, isCounted }
}

/** The provider named by the error, for the record of attempts. */
export const providerOf = (error: unknown): string | undefined =>
  error instanceof ProviderError ? error.provider : undefined

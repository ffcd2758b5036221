/** Decides what follows a failed attempt; no other file does. */
import { TIMING } from '../../contract/timing.ts'
import { LIMITS } from '../../contract.ts'
import { clipEnd } from './clip.ts'
import { ProviderError, TaskRunnerError } from './errors.ts'
import { MAX_RETRY_AFTER_MS } from './retry-after.ts'
import type { Task, TaskFailure } from './task.ts'
import type { RetryWait } from './transitions.ts'

export interface Policy {
  readonly baseMs: number
  readonly capMs: number
}

export type Decision =
  | { readonly outcome: 'fail'; readonly error: TaskFailure }
  | {
      readonly outcome: 'retry'
      readonly error: TaskFailure
      readonly wait: RetryWait
      readonly isCounted: boolean
    }

/**
 * Full jitter: a random wait from 0 to `base * 2^(attempt - 1)`, capped. Spreads tasks that failed at the same
 * time (Brooker, "Exponential Backoff and Jitter", 2015).
 */
export function backoffMs(attempt: number, policy: Policy, random: number): number {
  return Math.round(random * Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1)))
}

/** The fields of an error for a row, a dead letter and a log. Unknown errors are bugs of a task type and are retried. */
export function describeFailure(error: unknown): TaskFailure & { retryAfterMs?: number; isCounted: boolean } {
  if (error instanceof TaskRunnerError)
    return {
      // An author chooses this code freely; it becomes a message attribute, which must not be empty, and a metric label.
      code: /^[A-Za-z][\w.-]{0,63}$/.test(error.code) ? error.code : 'task_failed',
      message: textOf(error.message),
      retryable: error.retry !== 'never',
      isCounted: error.retry !== 'uncounted',
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    }
  const lacking = shortageOf(error)
  if (lacking)
    return {
      code: 'unavailable',
      message: `The environment that ran the attempt has no more ${lacking}.`,
      retryable: true,
      isCounted: false,
    }
  return {
    code: 'task_failed',
    message: textOf(describeThrown(error)) || 'The task failed.',
    retryable: true,
    isCounted: true,
  }
}

/** The thrown value, or another error when reading it throws: a getter that throws, a revoked proxy. */
export function toReadableError(thrown: unknown): unknown {
  try {
    for (
      let cause = thrown, depth = 0;
      cause instanceof Error && depth < 4;
      depth += 1, cause = cause.cause
    ) {
      const { name, message, stack = '', code } = cause as Error & { readonly code?: unknown }
      if ([name, message, stack].some((text) => typeof text !== 'string'))
        return new Error(
          `The task threw an error whose words are no text${code === undefined ? '' : ` (${String(code)})`}.`,
        )
    }
    return thrown
  } catch {
    return new Error('The task threw an object that cannot be read.')
  }
}

/** Resources that the machine ran out of. Not a fault of the task: it is retried without using up an attempt. */
const SHORTAGES: Readonly<Record<string, string>> = {
  EMFILE: 'open files',
  ENFILE: 'open files',
  ENOSPC: 'room on its disk',
}

function shortageOf(error: unknown): string | undefined {
  let cause = error
  for (let depth = 0; cause instanceof Error && depth < 4; depth += 1, cause = cause.cause) {
    const { code } = cause as { readonly code?: unknown }
    if (typeof code === 'string' && Object.hasOwn(SHORTAGES, code)) return SHORTAGES[code]
  }
  return undefined
}

/** JavaScript can throw any value. An object is shown by its fields; when reading it throws, the attempt still ends. */
function describeThrown(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  try {
    if (typeof thrown !== 'object' || thrown === null) return `The task threw ${String(thrown)}.`
    const { message } = thrown as { readonly message?: unknown }
    if (typeof message === 'string' && message !== '') return message
    if (message instanceof Error) return describeThrown(message)
    if (thrown instanceof Error && !message) return thrown.name === 'Error' ? '' : thrown.name
    return `The task threw ${JSON.stringify(message && typeof message === 'object' ? message : thrown)}.`
  } catch {
    return `The task threw an object with ${fieldsOf(thrown)}.`
  }
}

function fieldsOf(thrown: unknown): string {
  try {
    return Object.keys(thrown as object).join(', ') || 'no fields'
  } catch {
    return 'fields that cannot be read'
  }
}

/** Shortened without leaving half a surrogate pair, which the table refuses. */
const textOf = (message: string): string => clipEnd(String(message), 1_000)

export interface FailedAttempt {
  readonly task: Pick<Task, 'attempt' | 'maxAttempts' | 'parkedSince' | 'uncounted'>
  readonly policy: Policy
  readonly now: number
  /** Uniform in [0, 1). */
  readonly random: number
  /** A provider answered in this attempt, so the attempt counts whatever failed afterwards. */
  readonly isPaid?: boolean
  /** How often the queue has delivered this message. */
  readonly receives?: number
}

/**
 * How long a task may be retried without using up attempts, counted from the first such retry. After that they count: a
 * prompt that breaks its provider, or a store that never answers for one task, must not keep the task open forever.
 */
export const MAX_UNCOUNTED_MS = 60 * 60_000

/** 2, 6, 18, 54, 162 s, then every six minutes: an hour's outage causes 16 receives of a task. */
const uncountedMs = (uncounted: number, random: number): number =>
  Math.min(2_000 * 3 ** uncounted, 6 * 60_000) * (1 + random / 10)

/** After this many receives the sweeper sends a new message: SQS moves one received ten times to the dead-letter queue. */
const RESEND_AFTER_RECEIVES = 6

export function decideRetry(
  error: unknown,
  { task, policy, now, random, isPaid = false, receives = 1 }: FailedAttempt,
): Decision {
  const { attempt, maxAttempts, parkedSince = now, uncounted = 0 } = task
  const { retryAfterMs, isCounted: isOwnFault, ...failure } = describeFailure(error)
  // A planned call is no failure: its wait uses up no attempt, however long it is.
  const isPlanned = failure.code === 'provider_limit'
  const isCounted = isOwnFault || isPaid || (!isPlanned && now - parkedSince > MAX_UNCOUNTED_MS)
  if (!failure.retryable || (isCounted && attempt >= maxAttempts)) return { outcome: 'fail', error: failure }
  // An open circuit states a wait that grows with the time the task has waited.
  const isHeld = failure.code === 'circuit_open'
  // A wait stated by the provider replaces our backoff, plus jitter: all callers that were refused in the same second must
  // not return in the same second. A retry that uses up no attempt waits at least our backoff.
  const own = isCounted ? backoffMs(attempt, policy, random) : uncountedMs(uncounted, random)
  const asked =
    retryAfterMs === undefined
      ? undefined
      : Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) +
        // An open circuit allows one call at a time and spreads the others itself; a provider limit plans each call.
        (isHeld || isPlanned ? 0 : Math.round(random * policy.baseMs))
  const delay = isCounted || isPlanned || isHeld ? (asked ?? own) : Math.max(asked ?? 0, own)
  // Visibility timeouts are whole seconds: round up, so that the message never returns before the row may be claimed.
  const delayMs = Math.max(1_000, Math.ceil(delay / 1_000) * 1_000)
  // A message that is delayed again and again ends in the dead-letter queue. Where the sweeper runs early enough, the row
  // waits without a message, and the sweeper sends a new one.
  const longest = isCounted ? LIMITS.queueDelaySeconds * 1_000 : TIMING.sweepMs
  const by = delayMs <= longest && receives < RESEND_AFTER_RECEIVES ? 'message' : 'sweeper'
  return { outcome: 'retry', error: failure, wait: { until: now + delayMs, by }, isCounted }
}

/** The provider named in the error, for the attempt's record. */
export const providerOf = (error: unknown): string | undefined =>
  error instanceof ProviderError ? error.provider : undefined

/** The one place that decides what follows a failed attempt. */
import { TIMING } from '../../contract/timing.ts'
import { LIMITS } from '../../contract.ts'
import { clipEnd } from './clip.ts'
import { ProviderError, TaskRunnerError } from './errors.ts'
import { MAX_RETRY_AFTER_MS } from './retry-after.ts'
import type { Task, TaskFailure } from './task.ts'
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
      // An author's own word: a queue refuses an empty attribute, and a label must stay one.
      code: /^[A-Za-z][\w.-]{0,63}$/.test(error.code) ? error.code : 'task_failed',
      message: textOf(error.message),
      retryable: error.retry !== 'never',
      isCounted: error.retry !== 'uncounted',
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    }
  const lacking = lackOf(error)
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

/** What an author threw, or an error in its place where looking at it throws: a getter of its own, a revoked proxy. */
export function legible(thrown: unknown): unknown {
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

/** What the machine ran out of: no fault of the task, which is tried again without spending an attempt. */
const LACKING: Readonly<Record<string, string>> = {
  EMFILE: 'open files',
  ENFILE: 'open files',
  ENOSPC: 'room on its disk',
}

function lackOf(error: unknown): string | undefined {
  let cause = error
  for (let depth = 0; cause instanceof Error && depth < 4; depth += 1, cause = cause.cause) {
    const { code } = cause as { readonly code?: unknown }
    if (typeof code === 'string' && Object.hasOwn(LACKING, code)) return LACKING[code]
  }
  return undefined
}

/** JavaScript throws anything; an object tells its fields. Whatever it does when it is read, the attempt ends. */
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

/** Half a character has no place in a row: the cut may go through one. */
const textOf = (message: string): string => clipEnd(String(message), 1_000)

export interface Failed {
  readonly task: Pick<Task, 'attempt' | 'maxAttempts' | 'parkedSince' | 'uncounted'>
  readonly policy: Policy
  readonly now: number
  /** Uniform in [0, 1). */
  readonly random: number
  /** A provider answered in this attempt: whatever failed afterwards, the attempt is spent. */
  readonly isPaid?: boolean
  /** How often the queue has handed out this message. */
  readonly receives?: number
}

/**
 * How long after the first retry that cost nothing they go on costing nothing. Then they spend attempts: a prompt that
 * breaks its provider, or a store that never answers for one task, must not keep it for ever.
 */
export const MAX_UNCOUNTED_MS = 60 * 60_000

/** 2, 6, 18, 54, 162 s, then every six minutes: an hour's outage makes 16 receives of a task. */
const uncountedMs = (uncounted: number, random: number): number =>
  Math.min(2_000 * 3 ** uncounted, 6 * 60_000) * (1 + random / 10)

/** A message that was handed out so often waits as a row instead: the queue gives up one that comes ten times. */
const MANY_RECEIVES = 6

export function decide(
  error: unknown,
  { task, policy, now, random, isPaid = false, receives = 1 }: Failed,
): Decision {
  const { attempt, maxAttempts, parkedSince = now, uncounted = 0 } = task
  const { retryAfterMs, isCounted: isOwnFault, ...failure } = describeFailure(error)
  // A planned call is no failure: however long its provider's limit makes it wait, it spends nothing.
  const isPlanned = failure.code === 'provider_limit'
  const isCounted = isOwnFault || isPaid || (!isPlanned && now - parkedSince > MAX_UNCOUNTED_MS)
  if (!failure.retryable || (isCounted && attempt >= maxAttempts)) return { outcome: 'fail', error: failure }
  // A provider's own word beats our backoff, never undercuts it, and gets the jitter on top: everybody who
  // was refused in the same second must not come back in the same second.
  const own = isCounted ? backoffMs(attempt, policy, random) : uncountedMs(uncounted, random)
  const asked =
    retryAfterMs === undefined
      ? undefined
      : Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) +
        // An open circuit lets one call through at a time and spreads the others itself; a limit plans each.
        (failure.code === 'circuit_open' || isPlanned ? 0 : Math.round(random * policy.baseMs))
  const delay = isCounted || isPlanned ? (asked ?? own) : Math.max(asked ?? 0, own)
  // Visibility counts whole seconds: round up, so that the message never returns before the row may be claimed.
  const delayMs = Math.max(1_000, Math.ceil(delay / 1_000) * 1_000)
  // A message that is put off again and again ends among the dead letters. Where the sweeper comes by in time, the row
  // waits without one, and the sweeper sends a fresh message.
  const longest = isCounted ? LIMITS.queueDelaySeconds * 1_000 : TIMING.sweepMs
  const by = delayMs <= longest && receives < MANY_RECEIVES ? 'message' : 'sweeper'
  return { outcome: 'retry', error: failure, wait: { until: now + delayMs, by }, isCounted }
}

/** The provider named by the error, for the record of attempts. */
export const providerOf = (error: unknown): string | undefined =>
  error instanceof ProviderError ? error.provider : undefined

import type { ModelUsage } from './model-usage.ts'

/**
 * Every error the product raises on purpose. A code is the same word in code, JSON, logs and metrics.
 *
 * `retry` answers one question: may the task be tried again? `never`, `counted` (after a backoff, as one of its attempts) or
 * `uncounted` (after a backoff that costs no attempt: the infrastructure failed before anything was paid).
 */
export type Retry = 'never' | 'counted' | 'uncounted'

export interface ErrorOptions {
  readonly cause?: unknown
  /** Milliseconds after which a retry is welcome, as told by whoever refused. */
  readonly retryAfterMs?: number
  /** Safe to show to a caller: no prompt, no key, no stack. */
  readonly detail?: Readonly<Record<string, unknown>>
}

export abstract class TaskRunnerError extends Error {
  readonly code: string
  readonly retry: Retry
  readonly retryAfterMs: number | undefined
  readonly detail: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, retry: Retry, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.retry = retry
    this.retryAfterMs = options.retryAfterMs
    this.detail = options.detail ?? {}
  }
}

export interface FieldError {
  /** Dotted path into the body, query or header, e.g. `input.prompt`. */
  readonly path: string
  readonly message: string
}

export type RequestErrorCode =
  | 'malformed_json'
  | 'invalid_request'
  | 'not_found'
  | 'forbidden'
  | 'method_not_allowed'
  | 'wrong_state'
  | 'payload_too_large'
  | 'headers_too_large'
  | 'unsupported_media_type'
  | 'idempotency_key_reused'
  | 'limit_reached'
  | 'budget_exhausted'

/** The caller's fault; becomes problem+json, never a task failure. */
export class RequestError extends TaskRunnerError {
  declare readonly code: RequestErrorCode
  readonly errors: readonly FieldError[]

  constructor(
    code: RequestErrorCode,
    message: string,
    errors: readonly FieldError[] = [],
    options: ErrorOptions = {},
  ) {
    super(code, message, 'never', options)
    this.errors = errors
  }
}

/** A store, queue or bucket did not answer; the caller may come back. */
export class UnavailableError extends TaskRunnerError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('unavailable', message, 'uncounted', { retryAfterMs: 1_000, ...options })
  }
}

/** What a row points at is not there: it expired or was deleted. No retry brings it back. */
export class MissingError extends TaskRunnerError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('missing', message, 'never', options)
  }
}

/** AWS refuses this function: a right, a resource or a key is not as deployed. Somebody must act; an alarm says so. */
export class MisconfiguredError extends TaskRunnerError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('misconfigured', message, 'never', options)
  }
}

/** A value that no store can keep: an author's or our bug. */
export class RefusedValueError extends TaskRunnerError {
  readonly field: string | undefined

  constructor(message: string, field: string | undefined, options: ErrorOptions = {}) {
    super('refused_value', message, 'never', options)
    this.field = field
  }
}

/** A task author says how the task ended: `never` is final, `counted` asks for another attempt. */
export class TaskError extends TaskRunnerError {
  constructor(message: string, options: ErrorOptions & { code?: string; retry?: 'never' | 'counted' } = {}) {
    super(options.code ?? 'task_failed', message, options.retry ?? 'never', options)
  }
}

/** The attempt's deadline passed and its signal fired. */
export class TaskTimeoutError extends TaskRunnerError {
  constructor(timeoutMs: number) {
    super('timeout', `The attempt did not finish within ${Math.round(timeoutMs / 1000)} s.`, 'counted')
  }
}

export type ProviderErrorCode =
  | 'provider_rate_limited'
  | 'provider_unavailable'
  | 'provider_timeout'
  | 'provider_unreachable'
  | 'provider_bad_answer'
  | 'provider_rejected'
  | 'provider_unauthorized'
  | 'provider_not_configured'
  | 'provider_quota_exhausted'
  | 'model_not_found'
  | 'context_too_long'
  | 'content_refused'
  | 'answer_truncated'
  | 'result_too_large'
  | 'circuit_open'
  | 'provider_limit'

/** A model call failed. Adapters build it through `core/domain/provider-failure.ts`, the one place that classifies. */
export class ProviderError extends TaskRunnerError {
  declare readonly code: ProviderErrorCode
  readonly provider: string
  readonly status: number | undefined
  /** What the failed call used all the same, where the provider told. */
  readonly usage: ModelUsage | undefined

  constructor(
    code: ProviderErrorCode,
    message: string,
    retry: Retry,
    provider: string,
    options: ErrorOptions & { status?: number; usage?: ModelUsage | undefined } = {},
  ) {
    super(code, message, retry, options)
    this.provider = provider
    this.status = options.status
    this.usage = options.usage
  }
}

export type ConflictCode = 'lease_lost' | 'cancelled'

/** Somebody else owns the row. The attempt stops and writes nothing. */
export class ConflictError extends TaskRunnerError {
  declare readonly code: ConflictCode

  constructor(code: ConflictCode) {
    super(code, code === 'cancelled' ? 'The task was cancelled.' : 'Another attempt holds the task.', 'never')
  }
}

/** An invariant is broken; always worth an alert. */
export class BugError extends TaskRunnerError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('internal_error', message, 'counted', options)
  }
}

/** What a log line says of an error that was not let out. Alarms read the code. */
export const causeFields = (error: unknown): { readonly code: string; readonly cause: string } => ({
  code: error instanceof TaskRunnerError ? error.code : 'internal_error',
  cause: String(error),
})

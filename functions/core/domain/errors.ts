import type { ModelUsage } from './model-usage.ts'

/**
 * The base of all errors that the product throws on purpose. A code is the same word in code, JSON, logs and metrics.
 *
 * `retry` says whether the task may be tried again: `never`, `counted` (after a backoff, as one of its attempts) or
 * `uncounted` (after a backoff that costs no attempt: the infrastructure failed before anything was paid).
 */
export type Retry = 'never' | 'counted' | 'uncounted'

export interface ErrorOptions {
  readonly cause?: unknown
  /** Milliseconds to wait before a retry, as the refusing server asked. */
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

/** An error of the caller; becomes problem+json and never fails a task. */
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

/** A store, queue or bucket did not answer; the same request may succeed later. */
export class UnavailableError extends TaskRunnerError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('unavailable', message, 'uncounted', { retryAfterMs: 1_000, ...options })
  }
}

/** What a row refers to does not exist: it expired or was deleted. A retry cannot succeed. */
export class MissingError extends TaskRunnerError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('missing', message, 'never', options)
  }
}

/** AWS refuses this function: a permission, a resource or a key differs from the deployed template. Raises an alarm. */
export class MisconfiguredError extends TaskRunnerError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('misconfigured', message, 'never', options)
  }
}

/** A value that the store cannot keep: a bug in a task type or in the product. */
export class RefusedValueError extends TaskRunnerError {
  readonly field: string | undefined

  constructor(message: string, field: string | undefined, options: ErrorOptions = {}) {
    super('refused_value', message, 'never', options)
    this.field = field
  }
}

/** Thrown by a task author: `never` ends the task, `counted` asks for another attempt. */
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

/** A model call failed. Adapters create it through `core/domain/provider-failure.ts`, which classifies all failures. */
export class ProviderError extends TaskRunnerError {
  declare readonly code: ProviderErrorCode
  readonly provider: string
  readonly status: number | undefined
  /** What the failed call used, where the provider reported it. */
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

/** Another attempt owns the row. This attempt stops and writes nothing. */
export class ConflictError extends TaskRunnerError {
  declare readonly code: ConflictCode

  constructor(code: ConflictCode) {
    super(code, code === 'cancelled' ? 'The task was cancelled.' : 'Another attempt holds the task.', 'never')
  }
}

/** An invariant is broken: a bug in the product. Always raises an alarm. */
export class BugError extends TaskRunnerError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('internal_error', message, 'counted', options)
  }
}

/** Log fields for an error that is not thrown further. Alarms read the code. */
export const causeFields = (error: unknown): { readonly code: string; readonly cause: string } => ({
  code: error instanceof TaskRunnerError ? error.code : 'internal_error',
  cause: String(error),
})

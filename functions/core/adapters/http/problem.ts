/** Translates an error's code into a status and problem+json (RFC 9457). The other translation of errors is domain/retry.ts. */
import {
  RequestError,
  type RequestErrorCode,
  TaskRunnerError,
  UnavailableError,
} from '../../domain/errors.ts'

export const PROBLEM_STATUS: Readonly<Record<RequestErrorCode | 'unavailable' | 'internal_error', number>> = {
  malformed_json: 400,
  invalid_request: 422,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  wrong_state: 409,
  payload_too_large: 413,
  headers_too_large: 431,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  limit_reached: 429,
  budget_exhausted: 402,
  unavailable: 503,
  internal_error: 500,
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Malformed request',
  402: 'Budget exhausted',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Wrong state',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Invalid request',
  429: 'Too many requests',
  431: 'Headers too large',
  500: 'Internal error',
  503: 'Temporarily unavailable',
}

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  readonly code: string
  readonly errors?: readonly { readonly path: string; readonly message: string }[]
  /** For a budget: spent, reserved and remaining money. */
  readonly budget?: unknown
}

/**
 * @param instance the request's path.
 * @returns body and headers; for an unknown error they contain no details.
 */
export function toProblem(
  error: unknown,
  instance: string,
): { problem: Problem; headers: Record<string, string> } {
  const isOurs = error instanceof RequestError || error instanceof UnavailableError
  const code = isOurs ? error.code : 'internal_error'
  const status = PROBLEM_STATUS[code as keyof typeof PROBLEM_STATUS] ?? 500
  const problem: Problem = {
    type: `urn:problem:task-runner:${code}`,
    title: TITLES[status] ?? 'Error',
    status,
    detail: isOurs ? error.message : 'Something failed on our side. The request id leads to the log line.',
    instance,
    code,
    ...(error instanceof RequestError && error.errors.length > 0 ? { errors: error.errors } : {}),
    ...(isOurs && error.detail.budget !== undefined ? { budget: error.detail.budget } : {}),
  }
  const headers: Record<string, string> = { 'content-type': 'application/problem+json; charset=utf-8' }
  if (status === 503 || status === 429) {
    const waitMs = error instanceof TaskRunnerError ? (error.retryAfterMs ?? 1_000) : 1_000
    headers['retry-after'] = String(Math.ceil(waitMs / 1_000))
  }
  if (error instanceof RequestError && error.detail.rateLimit !== undefined) {
    headers.ratelimit = String(error.detail.rateLimit)
    headers['ratelimit-policy'] = String(error.detail.rateLimitPolicy)
  }
  if (error instanceof RequestError && Array.isArray(error.detail.allow))
    headers.allow = error.detail.allow.join(', ')
  return { problem, headers }
}

/** What a route handler sees of an API Gateway event, and what it gives back. */
import type { APIGatewayProxyEvent } from 'aws-lambda'
import { API_BASE, LIMITS } from '../contract.ts'
import { RequestError } from '../core/domain/errors.ts'

export interface HttpRequest {
  readonly method: string
  readonly path: string
  /** Path of the API as the caller sees it, up to and with `/api/v1`: links begin with it. */
  readonly base: string
  readonly parameters: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly tenant: string
  /** When the gateway had it, milliseconds since 1970; earlier than a cold start lets the handler know. */
  readonly receivedAt: number
  /**
   * Parses the body.
   * @throws RequestError for a wrong content type, a body that is too large, or one that is not JSON.
   */
  json(): unknown
  /** Like `json`, but no body is an empty object. */
  optionalJson(): unknown
}

export interface HttpAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Sent as is, in place of `body`. */
  readonly text?: string
}

/** Without an authorizer or a key (the open local stage) everybody is this tenant. */
const ANYBODY = 'default'

export function toRequest(event: APIGatewayProxyEvent): HttpRequest {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(event.headers ?? {}))
    if (value !== undefined) headers[name.toLowerCase()] = value
  const { authorizer, identity } = event.requestContext
  const raw =
    event.isBase64Encoded && event.body ? Buffer.from(event.body, 'base64').toString('utf8') : event.body
  return {
    method: event.httpMethod,
    path: event.path,
    base: baseOf(event),
    parameters: (event.pathParameters ?? {}) as Record<string, string>,
    query: (event.queryStringParameters ?? {}) as Record<string, string>,
    headers,
    receivedAt: event.requestContext.requestTimeEpoch,
    tenant: String(authorizer?.tenant ?? identity?.apiKeyId ?? ANYBODY),
    json: () => parseBody(raw, headers['content-type']),
    optionalJson: () => (raw?.trim() ? parseBody(raw, headers['content-type']) : {}),
  }
}

/**
 * On API Gateway's own host the stage's name stands before the API's base, on a custom domain a base path may; only
 * `requestContext.path` has both. What the route matched is counted off from the end, because a base path may itself
 * be called `api`.
 */
function baseOf({ requestContext, path, resource }: APIGatewayProxyEvent): string {
  const sent = (requestContext.path ?? path).split('/').filter((part) => part !== '')
  const below = resource
    .slice(API_BASE.length)
    .split('/')
    .filter((part) => part !== '').length
  const base = `/${sent.slice(0, sent.length - below).join('/')}`
  if (base.endsWith(API_BASE)) return base
  const at = `/${sent.join('/')}`.indexOf(API_BASE)
  return at < 0 ? API_BASE : `/${sent.join('/')}`.slice(0, at + API_BASE.length)
}

/** `application/json`, or any `application/…+json`, with or without parameters. */
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i

function parseBody(raw: string | null, contentType: string | undefined): unknown {
  const bytes = Buffer.byteLength(raw ?? '')
  if (bytes > LIMITS.bodyBytes)
    throw new RequestError(
      'payload_too_large',
      `The body is ${bytes} bytes; at most ${LIMITS.bodyBytes} are taken. Put large data elsewhere and send a reference.`,
    )
  if (!JSON_TYPE.test(contentType ?? ''))
    throw new RequestError(
      'unsupported_media_type',
      `The body is read as JSON only. Send the header "Content-Type: application/json"${contentType ? `, not "${contentType.slice(0, 100)}"` : ''}.`,
    )
  if (!raw?.trim()) throw new RequestError('malformed_json', 'The body is empty. Send a JSON object.')
  let value: unknown
  try {
    value = JSON.parse(raw)
  } catch (cause) {
    // V8's message quotes the text around the mistake, which may be a prompt: only the position is passed on.
    const position = /position (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1]
    throw new RequestError(
      'malformed_json',
      `The body is not JSON${position ? ` (at position ${position})` : ''}.`,
    )
  }
  if (isDeeperThan(value, MAX_DEPTH))
    throw new RequestError('malformed_json', `The body is nested deeper than ${MAX_DEPTH} levels.`)
  return value
}

const MAX_DEPTH = 64

/** Level by level: recursion would meet the very stack overflow that it is there to prevent. */
function isDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true
    level = level.flatMap((item) => (item !== null && typeof item === 'object' ? Object.values(item) : []))
  }
  return false
}

/** The request that a route handler gets from an API Gateway event, and the answer that it returns. */
import type { APIGatewayProxyEvent } from 'aws-lambda'
import { API_BASE, LIMITS, OPEN_TENANT, SCOPES } from '../contract.ts'
import type { AuditEntry } from '../core/domain/audit.ts'
import { RequestError } from '../core/domain/errors.ts'
import { isDeeperThan } from '../core/domain/json-value.ts'
import { type Principal, parseScopes } from '../core/domain/principal.ts'

export interface HttpRequest {
  readonly method: string
  readonly path: string
  /** Path template that the gateway matched, e.g. `/api/v1/tasks/{id}`. */
  readonly resource: string
  /** The API's path as the caller sees it, up to and including `/api/v1`; links begin with it. */
  readonly base: string
  readonly parameters: Readonly<Record<string, string>>
  /** All values of each field, in order. */
  readonly query: Readonly<Record<string, readonly string[]>>
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly tenant: string
  readonly principal: Principal
  /** Adds to the audit entry what the answer does not contain. */
  readonly note: (details: Pick<AuditEntry, 'before' | 'after' | 'target'>) => void
  /** When the gateway received it, milliseconds since 1970: before a cold start began. */
  readonly receivedAt: number
  /**
   * Parses the body.
   * @throws RequestError for a wrong content type, a body that is too large, or one that is not JSON.
   */
  json(): unknown
  /** Like `json`, but a missing body is an empty object. */
  optionalJson(): unknown
  /**
   * The unparsed body, for handlers that parse it themselves.
   * @throws RequestError for a body that is too large or not UTF-8.
   */
  text(): string
}

export interface HttpAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Sent unchanged instead of `body`. */
  readonly text?: string
  /** Sent after the body, piece by piece, by a host that supports streaming. */
  readonly stream?: AsyncIterable<string>
}

export function toRequest(
  event: APIGatewayProxyEvent,
  principal: Principal = principalOf(event),
): HttpRequest {
  checkHeaders(event)
  const headers = headersOf(event)
  // The length of a compressed body is not that of its text.
  const sentBytes = headers['content-encoding'] === undefined ? headers['content-length'] : undefined
  const body = () => readText(event, sentBytes)
  return {
    method: event.httpMethod,
    path: event.path,
    resource: event.resource,
    base: baseOf(event),
    parameters: Object.assign(dictionary<string>(), event.pathParameters),
    query: queryOf(event),
    headers,
    receivedAt: event.requestContext.requestTimeEpoch,
    tenant: principal.tenant,
    principal,
    note: () => undefined,
    json: () => parseBody(body(), headers['content-type']),
    optionalJson: () => (event.body?.trim() ? parseBody(body(), headers['content-type']) : {}),
    text: () => checkSize(body()) ?? '',
  }
}

/** @throws RequestError for too many header fields, or too long ones. */
function checkHeaders({ headers, multiValueHeaders }: APIGatewayProxyEvent): void {
  let fields = 0
  let bytes = 0
  for (const [name, values] of Object.entries(multiValueHeaders ?? headers ?? {}))
    for (const value of Array.isArray(values) ? values : [values]) {
      fields += 1
      bytes += name.length + (value?.length ?? 0)
    }
  const { headerFields, headerBytes } = LIMITS
  if (fields > headerFields || bytes > headerBytes)
    throw new RequestError(
      'headers_too_large',
      `The request has ${fields} header fields of ${bytes} bytes; at most ${headerFields} of ${headerBytes} bytes are taken.`,
    )
}

/** The caller found by the authorizer. Without an authorizer, the gateway's key is the tenant and has all scopes. */
export function principalOf({ requestContext }: APIGatewayProxyEvent): Principal {
  const { authorizer, identity } = requestContext
  if (authorizer?.tenant)
    return {
      tenant: String(authorizer.tenant),
      keyId: authorizer.keyId === undefined ? undefined : String(authorizer.keyId),
      scopes: parseScopes(String(authorizer.scopes ?? '')),
    }
  const keyId = identity?.apiKeyId ?? undefined
  return { tenant: keyId ?? OPEN_TENANT, keyId, scopes: SCOPES }
}

/** A role or user whose signed calls are accepted. */
export interface IamCaller {
  readonly arn: string
  readonly tenant: string
  readonly scopes: Principal['scopes']
}

/**
 * The signer of a call, where the gateway checks signatures. A role calls as `…:assumed-role/<its name>/<session>`, without
 * the path that its own ARN may have.
 *
 * @returns undefined without a signer, and for one that is not listed.
 */
export function signerOf(
  { requestContext }: APIGatewayProxyEvent,
  callers: readonly IamCaller[],
): Principal | undefined {
  const arn = requestContext.identity?.userArn ?? undefined
  const found = arn === undefined ? undefined : callers.find((caller) => isBy(caller.arn, arn))
  return arn && found
    ? { tenant: found.tenant, scopes: found.scopes, keyId: `iam:${arn.split(':').slice(5).join(':')}` }
    : undefined
}

function isBy(listed: string, arn: string): boolean {
  if (listed === arn) return true
  const [, partition, account, name] =
    /^arn:([\w-]+):iam::(\d{12}):role\/(?:.*\/)?([^/]+)$/.exec(listed) ?? []
  return name !== undefined && arn.startsWith(`arn:${partition}:sts::${account}:assumed-role/${name}/`)
}

/** Without a prototype, so that fields named `constructor` or `__proto__` have no effect. */
const dictionary = <Value>(): Record<string, Value> => Object.create(null)

/**
 * Several fields of one name are one list, joined by commas: RFC 9110 §5.3. `event.headers` has only the last of them.
 *
 * @throws RequestError for two idempotency keys. Joined, they would be a third one, which may have commas itself.
 */
function headersOf({ headers, multiValueHeaders }: APIGatewayProxyEvent): HttpRequest['headers'] {
  const joined = dictionary<string>()
  for (const [name, last] of Object.entries(headers ?? {})) {
    if (last === undefined) continue
    const values = multiValueHeaders?.[name] ?? [last]
    const key = name.toLowerCase()
    if (key === 'idempotency-key' && (values.length > 1 || joined[key] !== undefined))
      throw new RequestError('invalid_request', `${name} was sent several times. Send one.`, [
        { path: name, message: 'was sent several times. Send one.' },
      ])
    const value = values.join(', ')
    joined[key] = joined[key] === undefined ? value : `${joined[key]}, ${value}`
  }
  return joined
}

function queryOf(event: APIGatewayProxyEvent): HttpRequest['query'] {
  const query = dictionary<readonly string[]>()
  for (const [name, value] of Object.entries(event.queryStringParameters ?? {})) query[name] = [value ?? '']
  for (const [name, values] of Object.entries(event.multiValueQueryStringParameters ?? {}))
    query[name] = values ?? []
  return query
}

/**
 * The gateway decodes the body itself and replaces bytes that are not UTF-8 by U+FFFD. A caller may also send that
 * character; then the text is as long as the bytes that were sent.
 *
 * @throws RequestError for a body that was not UTF-8.
 */
function readText({ body, isBase64Encoded }: APIGatewayProxyEvent, sentBytes?: string): string | null {
  if (!body) return body
  const notUtf8 = () => new RequestError('malformed_json', 'The body is not UTF-8. Send JSON in UTF-8.')
  if (isBase64Encoded) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(body, 'base64'))
    } catch {
      throw notUtf8()
    }
  }
  if (body.includes('\ufffd') && sentBytes !== undefined && Buffer.byteLength(body) !== Number(sentBytes))
    throw notUtf8()
  return body
}

/**
 * On API Gateway's own host the stage's name precedes the API's base, on a custom domain a base path may precede it; only
 * `requestContext.path` has both. The matched route is counted from the end, because a base path may itself be called `api`.
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

/** @throws RequestError for a body that is too large. */
function checkSize(raw: string | null): string | null {
  const bytes = Buffer.byteLength(raw ?? '')
  if (bytes > LIMITS.bodyBytes)
    throw new RequestError(
      'payload_too_large',
      `The body is ${bytes} bytes; at most ${LIMITS.bodyBytes} are taken. Put large data elsewhere and send a reference.`,
    )
  return raw
}

function parseBody(raw: string | null, contentType: string | undefined): unknown {
  checkSize(raw)
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType ?? '')?.[1]
  if (charset !== undefined && !/^utf-?8$/i.test(charset))
    throw new RequestError(
      'unsupported_media_type',
      `The body is read as UTF-8 only, not "${charset.slice(0, 40)}". Send it in UTF-8, without charset.`,
    )
  if (!JSON_TYPE.test(contentType ?? ''))
    throw new RequestError(
      'unsupported_media_type',
      `The body is read as JSON only. Send the header "Content-Type: application/json"${contentType ? `, not "${contentType.slice(0, 100)}"` : ''}.`,
    )
  if (!raw?.trim()) throw new RequestError('malformed_json', 'The body is empty. Send a JSON object.')
  return readJson(raw)
}

/** @throws RequestError for invalid JSON, too deep nesting, or numbers that would be rounded. */
export function readJson(text: string): unknown {
  // PowerShell and other writers of UTF-8 add a byte order mark, which the JSON standard allows readers to ignore.
  const raw = text.replace(/^\uFEFF/, '')
  const value = parseJson(raw)
  if (isDeeperThan(value, MAX_DEPTH))
    throw new RequestError('malformed_json', `The body is nested deeper than ${MAX_DEPTH} levels.`)
  refuseInexact(raw)
  refuseHalves(raw, value)
  return value
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw)
  } catch (cause) {
    // V8's message quotes the text around the error, which may be a prompt, so only the position is used.
    const position = /position (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1]
    throw new RequestError(
      'malformed_json',
      `The body is not JSON${position ? ` (at position ${position})` : ''}.`,
    )
  }
}

/** Numbers with 16 digits may exceed 2^53, above which they are rounded; with a three-digit exponent, every range. */
const LONG_NUMBER = /\d{16}|\de\+?\d{3}/i

/**
 * An id of 19 digits must be refused rather than rounded to another id. Floating-point numbers are accepted, because
 * rounding is normal for them.
 *
 * @throws RequestError with the path of each whole number, and each number out of range, that cannot be represented.
 */
function refuseInexact(raw: string): void {
  if (!LONG_NUMBER.test(raw)) return
  const inexact = Symbol('inexact')
  // The third parameter is in the standard and in Node, but not yet in TypeScript's types.
  const reviver = (_: string, value: unknown, { source }: { readonly source?: string } = {}) =>
    typeof value === 'number' &&
    (!Number.isFinite(value) || (/^-?\d+(\.0+)?$/.test(source ?? '') && !Number.isSafeInteger(value)))
      ? inexact
      : value
  const marked: unknown = JSON.parse(raw, reviver as (key: string, value: unknown) => unknown)
  const paths = pathsOf(marked, (item) => item === inexact)
  if (paths.length === 0) return
  const message = `is a number beyond ±${Number.MAX_SAFE_INTEGER} and would be changed. Send it as a text.`
  throw new RequestError(
    'invalid_request',
    `${paths[0] || 'The body'} ${message}`,
    paths.map((path) => ({ path, message })),
  )
}

/** An escape of half a surrogate pair. */
const HALF_SURROGATE = /\\ud[89a-f]/i

/**
 * Half a surrogate pair, as in a text that was cut between two code units, has no UTF-8: table and providers would each
 * replace it differently.
 *
 * @throws RequestError with the path of each such text.
 */
function refuseHalves(raw: string, value: unknown): void {
  if (!HALF_SURROGATE.test(raw)) return
  const paths = pathsOf(value, (item) => typeof item === 'string' && !item.isWellFormed())
  if (paths.length === 0) return
  const message = 'holds half a character (a lone surrogate). Cut texts between characters.'
  throw new RequestError(
    'invalid_request',
    `${paths[0] || 'The body'} ${message}`,
    paths.map((path) => ({ path, message })),
  )
}

function pathsOf(value: unknown, isWanted: (item: unknown) => boolean): readonly string[] {
  const found: string[] = []
  const visit = (item: unknown, path: string): void => {
    if (found.length >= 20) return
    if (isWanted(item)) found.push(path)
    else if (item !== null && typeof item === 'object')
      for (const [key, field] of Object.entries(item)) {
        const place = path === '' ? key : `${path}.${key}`
        if (isWanted(key)) found.push(place.toWellFormed())
        else visit(field, place)
      }
  }
  visit(value, '')
  return found
}

const MAX_DEPTH = 64

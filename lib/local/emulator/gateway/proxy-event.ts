import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { APIGatewayProxyEvent } from 'aws-lambda'
import { decode, type RouteMatch } from './routes.ts'

export interface ProxyRequest {
  readonly request: IncomingMessage
  readonly requestId: string
  readonly url: URL
  readonly entry: PathForms
  readonly match: RouteMatch
  readonly body: string | null
  readonly stageName: string
}

/** The forms of one path, percent-encoded as sent. */
export interface PathForms {
  /** The path by which the API finds its method. */
  readonly routed: string
  /** `event.path` */
  readonly path: string
  /** `event.requestContext.path`: always as sent by the caller. */
  readonly contextPath: string
}

/**
 * A REST API can be called in three ways, each with another event. On its own host the path begins with the stage, and
 * `event.path` leaves it out. A custom domain has no stage in its address; its base path, if any, is in both fields. Taken
 * from recorded events, `test/fixtures/gateway-events.ts`.
 *
 * The local address behaves like a custom domain without a base path; below `/<stage>`, like the API's own host.
 */
export function pathFormsOf(pathname: string, stageName: string, basePath = ''): PathForms {
  const own = below(pathname, `/${stageName}`)
  if (own !== undefined) return { routed: own, path: own, contextPath: pathname }
  return { routed: below(pathname, basePath) ?? pathname, path: pathname, contextPath: pathname }
}

const below = (path: string, prefix: string): string | undefined => {
  if (path === prefix) return '/'
  return prefix !== '' && path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined
}

export const newRequestId = randomUUID

/** Without a prototype, because a header or a field may be named `constructor`. */
const dictionary = <Value>(): Record<string, Value> => Object.create(null)

/** The event of a REST API's Lambda proxy integration, payload version 1.0. */
export function toProxyEvent({
  request,
  requestId,
  url,
  entry,
  match,
  body,
  stageName,
}: ProxyRequest): APIGatewayProxyEvent {
  const headers = dictionary<string>()
  const multiValueHeaders = dictionary<string[]>()
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index] as string
    const value = request.rawHeaders[index + 1] as string
    headers[name] = value
    multiValueHeaders[name] = [...(multiValueHeaders[name] ?? []), value]
  }
  const { host = 'localhost' } = request.headers
  const sourceIp = request.socket.remoteAddress ?? ''
  for (const [name, value] of Object.entries({
    'X-Forwarded-For': sourceIp,
    'X-Forwarded-Port': /:(\d+)$/.exec(host)?.[1] ?? '80',
    'X-Forwarded-Proto': 'http',
  })) {
    headers[name] = value
    multiValueHeaders[name] = [value]
  }
  const query = dictionary<string>()
  const multiValueQuery = dictionary<string[]>()
  for (const [name, value] of url.searchParams) {
    query[name] = value
    multiValueQuery[name] = [...(multiValueQuery[name] ?? []), value]
  }
  const orNull = <Value extends object>(value: Value) => (Object.keys(value).length > 0 ? value : null)
  const now = new Date()
  return {
    resource: match.resource,
    path: decode(entry.path),
    httpMethod: request.method ?? 'GET',
    headers,
    multiValueHeaders,
    queryStringParameters: orNull(query),
    multiValueQueryStringParameters: orNull(multiValueQuery),
    pathParameters: orNull(match.parameters),
    stageVariables: null,
    requestContext: {
      resourceId: match.resource,
      resourcePath: match.resource,
      httpMethod: request.method ?? 'GET',
      extendedRequestId: requestId,
      requestTime: logTime(now),
      path: decode(entry.contextPath),
      accountId: '000000000000',
      protocol: `HTTP/${request.httpVersion}`,
      stage: stageName,
      domainPrefix: host.split('.')[0] ?? '',
      requestTimeEpoch: now.getTime(),
      requestId,
      identity: { ...ANONYMOUS_IDENTITY, sourceIp, userAgent: request.headers['user-agent'] ?? null },
      domainName: host,
      apiId: 'local',
      authorizer: null,
    },
    body,
    isBase64Encoded: false,
  }
}

/** The caller's identity when neither IAM nor a user pool is used. */
const ANONYMOUS_IDENTITY = {
  accessKey: null,
  accountId: null,
  apiKey: null,
  apiKeyId: null,
  caller: null,
  clientCert: null,
  cognitoAuthenticationProvider: null,
  cognitoAuthenticationType: null,
  cognitoIdentityId: null,
  cognitoIdentityPoolId: null,
  principalOrgId: null,
  user: null,
  userArn: null,
}

/** The time format of access logs: `25/Nov/2026:12:34:56 +0000`. */
function logTime(at: Date): string {
  const [, day, month, year, time] = at.toUTCString().split(' ')
  return `${day}/${month}/${year}:${time} +0000`
}

import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { decode, type Match } from './routes.ts'

export interface ProxyRequest {
  readonly request: IncomingMessage
  readonly requestId: string
  readonly url: URL
  readonly match: Match
  readonly body: string | null
  readonly stageName: string
}

export const newRequestId = randomUUID

/** Without a prototype: a header or a field may be named `constructor`. */
const dictionary = <Value>(): Record<string, Value> => Object.create(null)

/** The event of a REST API's Lambda proxy integration, payload version 1.0. */
export function toProxyEvent({ request, requestId, url, match, body, stageName }: ProxyRequest): unknown {
  const headers = dictionary<string>()
  const multiValueHeaders = dictionary<string[]>()
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index] as string
    const value = request.rawHeaders[index + 1] as string
    headers[name] = value
    multiValueHeaders[name] = [...(multiValueHeaders[name] ?? []), value]
  }
  const query = dictionary<string>()
  const multiValueQuery = dictionary<string[]>()
  for (const [name, value] of url.searchParams) {
    query[name] = value
    multiValueQuery[name] = [...(multiValueQuery[name] ?? []), value]
  }
  const orNull = <Value extends object>(value: Value) => (Object.keys(value).length > 0 ? value : null)
  const path = decode(url.pathname)
  return {
    resource: match.resource,
    path,
    httpMethod: request.method,
    headers,
    multiValueHeaders,
    queryStringParameters: orNull(query),
    multiValueQueryStringParameters: orNull(multiValueQuery),
    pathParameters: orNull(match.parameters),
    stageVariables: null,
    requestContext: {
      requestId,
      path,
      resourcePath: match.resource,
      httpMethod: request.method,
      stage: stageName,
      protocol: `HTTP/${request.httpVersion}`,
      requestTimeEpoch: Date.now(),
      domainName: request.headers.host ?? '',
      identity: {
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: request.headers['user-agent'] ?? null,
      },
    },
    body,
    isBase64Encoded: false,
  }
}

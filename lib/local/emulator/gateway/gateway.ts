import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pageOf, refusalOf } from '../guard.ts'
import { KEEP_ALIVE_MS } from '../keep-alive.ts'
import type { ApiPlan } from '../template/plan.ts'
import { patientLimitMs } from '../time-limit.ts'
import { authorize } from './authorize.ts'
import { newRequestId, pathFormsOf, toProxyEvent } from './proxy-event.ts'
import { readBody } from './read-body.ts'
import { Routes } from './routes.ts'
import { StreamedAnswer } from './streamed-answer.ts'

/** API Gateway's limit of a request line and its headers. */
const HEADER_BYTES = 10_240
const SERVER = {
  maxHeaderSize: 16 * 1024,
  keepAliveTimeout: KEEP_ALIVE_MS,
  // Checked below, because Node's own answer has no body.
  requireHostHeader: false,
}
/** Lambda's limit of an event and of an answer. */
const LAMBDA_BYTES = 6 * 1024 * 1024

export interface GatewayOptions {
  readonly port: number
  /** Address to listen at. Default 127.0.0.1, because everybody who reaches the local stage can use it. */
  readonly host?: string | undefined
  /** Region in the ARN that an authorizer gets. */
  readonly region: string
  /** Where `/` redirects to, because the API has nothing there. */
  readonly home: string
  /** Base path of a custom domain, e.g. `/runner`; the API is available there as well. */
  readonly basePath?: string
  /** Answers requests that are not for the API. @returns false for all others. */
  readonly aside?: (request: IncomingMessage, response: ServerResponse, url: URL) => boolean
  readonly onAnswered?: (status: number, latencyMs: number) => void
}

/**
 * Calls a function by its name, with event and answer in JSON.
 *
 * @param take receives a streamed answer piece by piece.
 * @throws when it did not answer.
 */
export type Invoke = (
  functionName: string,
  event: string,
  take?: (bytes: Uint8Array) => Promise<void>,
) => Promise<string>

interface ProxyResult {
  readonly statusCode: number
  readonly headers?: Readonly<Record<string, string | number | boolean>>
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>
  readonly body?: string
  readonly isBase64Encoded?: boolean
}

/** The REST API of a plan, on one loopback port. */
export class Gateway {
  readonly #server: Server
  readonly #options: GatewayOptions
  #api: { readonly plan: ApiPlan; readonly routes: Routes; readonly invoke: Invoke } | undefined

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#server = createServer(SERVER, (request, response) => {
      this.#handle(request, response).catch((cause) => {
        if (!response.headersSent) this.#answer(response, 'DEFAULT_5XX', newRequestId(), request.url ?? '/')
        else response.destroy(cause as Error)
      })
    })
    // Without a listener Node answers this, without a body. `Expect: 100-continue` is not affected.
    this.#server.on('checkExpectation', ({ headers, url }: IncomingMessage, response: ServerResponse) =>
      refuse(
        response,
        problemOf(
          417,
          `Only "Expect: 100-continue" can be met, not "${String(headers.expect).slice(0, 40)}".`,
          toUrl(url).pathname,
        ),
      ),
    )
    this.#server.on('clientError', ({ code }: NodeJS.ErrnoException, socket) => {
      const problem =
        code === 'HPE_HEADER_OVERFLOW'
          ? problemOf(431, 'Request line and headers are too long.', '/')
          : problemOf(400, 'The request is not valid HTTP.', '/')
      const head = `HTTP/1.1 ${problem.status} ${problem.title}\r\nContent-Type: application/problem+json`
      const body = JSON.stringify(problem)
      socket.end(`${head}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
    })
    // With the default limit, Node drops further headers without an error.
    this.#server.maxHeadersCount = 0
  }

  /** Takes the port at once, so that a second instance fails before it changes any state. @throws Error code EADDRINUSE */
  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#options.port, this.#options.host ?? '127.0.0.1', () => resolve())
    })
    return (this.#server.address() as { port: number }).port
  }

  /** Serves this API from the next request on. */
  serve(plan: ApiPlan, invoke: Invoke): void {
    this.#api = { plan, invoke, routes: new Routes(plan) }
  }

  async close(): Promise<void> {
    const isClosed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    setTimeout(() => this.#server.closeAllConnections(), 1_000).unref()
    await isClosed
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = newRequestId()
    const { method = 'GET' } = request
    const url = toUrl(request.url)
    if (request.headers.host === undefined && request.httpVersion === '1.1')
      return refuse(
        response,
        problemOf(400, 'The request names no host. Send the header "Host".', url.pathname),
      )
    const refusal = refusalOf(request, this.#options.host)
    if (refusal) return refuse(response, problemOf(403, refusal, url.pathname))
    // API Gateway checks this before it knows the API, so gateway responses of the template do not apply.
    if (headerBytesOf(request) > HEADER_BYTES)
      return refuse(
        response,
        problemOf(431, `Request line and headers are longer than ${HEADER_BYTES} bytes.`, url.pathname),
      )
    // A page of another local port may call the API if CORS allows it, but not the console.
    if (pageOf(request) !== 'local' && this.#options.aside?.(request, response, url)) return
    if (!this.#api) {
      response.setHeader('retry-after', '1')
      return refuse(response, problemOf(503, 'The stage is starting. Try again in a second.', url.pathname))
    }
    if (method === 'GET' && url.pathname === '/') {
      response.writeHead(302, { location: this.#options.home }).end()
      return
    }
    const startedAt = performance.now()
    response.once('finish', () =>
      this.#options.onAnswered?.(response.statusCode, performance.now() - startedAt),
    )
    const fail = (type: string) => this.#answer(response, type, requestId, url.pathname)
    const { plan, routes, invoke } = this.#api
    const entry = pathFormsOf(url.pathname, plan.stageName, this.#options.basePath)
    const match = routes.find(method, entry.routed)
    if (!match) return fail('MISSING_AUTHENTICATION_TOKEN')
    const body = await readBody(request)
    if ('refused' in body) return fail(body.refused)
    const proxyEvent = toProxyEvent({
      request,
      requestId,
      url,
      entry,
      match,
      body: body.text,
      stageName: plan.stageName,
    })
    if (match.method.authorizer !== undefined) {
      const outcome = await authorize(proxyEvent, this.#options.region, (event) =>
        invoke(match.method.authorizer ?? '', event),
      )
      if ('refused' in outcome) return fail(outcome.refused)
      proxyEvent.requestContext.authorizer = outcome.context
    }
    const event = JSON.stringify(proxyEvent)
    if (Buffer.byteLength(event) > LAMBDA_BYTES) return fail('REQUEST_TOO_LARGE')
    const { functionName, timeoutMs, isStreamed } = match.method
    if (isStreamed) {
      const streamed = new StreamedAnswer(response, method)
      const result = await withLimit(
        invoke(functionName, event, (bytes) => streamed.take(bytes)),
        timeoutMs,
      )
      if (result === 'timeout' || result === 'failed') {
        if (!streamed.breakOff()) fail(result === 'timeout' ? 'INTEGRATION_TIMEOUT' : 'INTEGRATION_FAILURE')
      } else if (!streamed.end()) fail('INTEGRATION_FAILURE')
      return
    }
    const text = await withLimit(invoke(functionName, event), timeoutMs)
    if (text === 'timeout') return fail('INTEGRATION_TIMEOUT')
    const result = text === 'failed' ? undefined : (JSON.parse(text) as unknown)
    if (!isProxyResult(result)) return fail('INTEGRATION_FAILURE')
    send(response, result, method)
  }

  /** A gateway response of the template, or AWS's own where the template has none. */
  #answer(response: ServerResponse, type: string, requestId: string, path: string): void {
    const answers = this.#api?.plan.answers ?? {}
    const fallback = DEFAULTS[type] ?? DEFAULT
    const own = answers[type] ?? answers[fallback.status < 500 ? 'DEFAULT_4XX' : 'DEFAULT_5XX']
    const values: Readonly<Record<string, string>> = {
      'context.requestId': requestId,
      'context.path': path,
      'context.error.messageString': JSON.stringify(fallback.message),
    }
    const headers = Object.entries(own?.headers ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      values[value] ?? value.replace(/^'(.*)'$/s, '$1'),
    ])
    const body = (own?.template ?? '{"message":$context.error.messageString}').replace(
      /\$(context\.[\w.]*\w)/g,
      (text, name: string) => escapeJson(values[name] ?? text),
    )
    response.writeHead(own?.status ?? fallback.status, {
      'content-type': 'application/json',
      ...Object.fromEntries(headers),
    })
    response.end(body)
  }
}

const DEFAULT = { status: 500, message: 'Internal server error' }
const DEFAULTS: Readonly<Record<string, { status: number; message: string }>> = {
  MISSING_AUTHENTICATION_TOKEN: { status: 403, message: 'Missing Authentication Token' },
  UNAUTHORIZED: { status: 401, message: 'Unauthorized' },
  ACCESS_DENIED: { status: 403, message: 'User is not authorized to access this resource' },
  REQUEST_TOO_LARGE: { status: 413, message: 'Request Too Long' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, message: 'Unsupported Media Type' },
  INTEGRATION_FAILURE: { status: 504, message: 'Internal server error' },
  INTEGRATION_TIMEOUT: { status: 504, message: 'Endpoint request timed out' },
}

const WORDS = {
  400: ['Bad request', 'bad_request'],
  403: ['Forbidden', 'forbidden'],
  417: ['Expectation failed', 'expectation_failed'],
  431: ['Headers too large', 'headers_too_large'],
  503: ['Temporarily unavailable', 'unavailable'],
} as const

function problemOf(status: keyof typeof WORDS, detail: string, instance: string) {
  const [title, code] = WORDS[status]
  return { type: 'about:blank', title, status, detail, instance, code }
}

function refuse(response: ServerResponse, problem: ReturnType<typeof problemOf>): void {
  response
    .writeHead(problem.status, {
      'content-type': 'application/problem+json',
      'x-content-type-options': 'nosniff',
    })
    .end(JSON.stringify(problem))
}

const headerBytesOf = ({ method = '', url = '', rawHeaders }: IncomingMessage): number =>
  rawHeaders.reduce((sum, part) => sum + part.length, method.length + url.length)

const escapeJson = (text: string) => (text.startsWith('"') ? text : JSON.stringify(text).slice(1, -1))

/** A request line may contain anything; an invalid path counts as `/`. */
function toUrl(target = '/'): URL {
  try {
    return new URL(
      target.startsWith('/') ? `http://localhost${target.replace(/^\/+/, '/')}` : target,
      'http://localhost',
    )
  } catch {
    return new URL('http://localhost/-')
  }
}

async function withLimit(work: Promise<string>, limitMs: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<'timeout'>((resolve) => {
    timer = setTimeout(() => resolve('timeout'), patientLimitMs(limitMs))
  })
  return Promise.race([work.catch(() => 'failed' as const), limit]).finally(() => clearTimeout(timer))
}

const isProxyResult = (value: unknown): value is ProxyResult =>
  Number.isInteger((value as { statusCode?: unknown } | null)?.statusCode)

function send(response: ServerResponse, result: ProxyResult, method: string): void {
  response.statusCode = result.statusCode
  for (const [name, value] of Object.entries(result.headers ?? {})) response.setHeader(name, String(value))
  for (const [name, values] of Object.entries(result.multiValueHeaders ?? {}))
    response.setHeader(name, [...values])
  const body = Buffer.from(result.body ?? '', result.isBase64Encoded ? 'base64' : 'utf8')
  const hasNone = result.statusCode === 204 || result.statusCode === 304
  // The length of an answer to HEAD is that of the answer to GET, which is not known here.
  if (!hasNone && method !== 'HEAD') response.setHeader('content-length', body.byteLength)
  response.end(hasNone || method === 'HEAD' ? undefined : body)
}

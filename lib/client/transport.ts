/** One call over HTTP, repeated where that is safe. Uses only APIs that browsers, Node, Deno and Bun share. */
import { OPERATIONS } from './operations.gen.ts'
import type { Answer, Call, Json, Operation, Problem } from './types.ts'

export interface ClientOptions {
  /** Address of the stage, with or without `/api/v1`. */
  readonly url: string
  readonly key?: string | undefined
  /** Key of API Gateway, for a stage with a usage plan; `key` is then sent as a bearer token. */
  readonly gatewayKey?: string | undefined
  /** Timeout of one attempt. API Gateway's is 29 s. Default 35,000. */
  readonly timeoutMs?: number
  /** Repetitions of a call that may be repeated. Default 3. */
  readonly retries?: number
  readonly fetch?: typeof fetch
}

/** The stage refused the call, or failed. */
export class ApiError extends Error {
  readonly status: number
  /** Code in the problem document, e.g. `invalid_request`. */
  readonly code: string
  readonly problem: Partial<Problem>
  readonly headers: Headers

  constructor(operation: Operation, status: number, headers: Headers, problem: Partial<Problem>) {
    super(`${operation}: ${problem.title ?? 'Refused'} (${status}). ${problem.detail ?? ''}`.trim())
    this.name = 'ApiError'
    this.status = status
    this.code = problem.code ?? 'unknown'
    this.problem = problem
    this.headers = headers
  }
}

/** Nothing answered, or another program than Async AI Task Runner. */
export class UnreachableError extends Error {
  readonly reason: string
  /** Another program answered. */
  readonly isForeign: boolean

  constructor(
    base: string,
    reason: string,
    options: { readonly cause?: unknown; readonly isForeign?: boolean } = {},
  ) {
    super(`Nothing answers at ${base} (${reason}).`, { cause: options.cause })
    this.name = 'UnreachableError'
    this.reason = reason
    this.isForeign = options.isForeign ?? false
  }
}

/** `x-api-key` holds the gateway's key where there is one. */
export function keyHeaders({
  key,
  gatewayKey,
}: Pick<ClientOptions, 'key' | 'gatewayKey'>): Record<string, string> {
  if (!gatewayKey) return key ? { 'x-api-key': key } : {}
  return { 'x-api-key': gatewayKey, ...(key ? { authorization: `Bearer ${key}` } : {}) }
}

export const API_PATH = '/api/v1'

/** Operations that may be repeated because they are idempotent. */
const REPEATABLE: readonly Operation[] = ['cancelTask', 'pauseQueue', 'resumeQueue']
const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 30_000

export class Transport {
  readonly base: string
  readonly #options: ClientOptions
  readonly #timeoutMs: number

  constructor(options: ClientOptions) {
    this.#timeoutMs = options.timeoutMs ?? 35_000
    this.base = `${options.url.replace(/\/+$/, '').replace(new RegExp(`${API_PATH}$`), '')}${API_PATH}`
    this.#options = options
  }

  /** @throws ApiError for every status except 2xx and 304, UnreachableError without an answer. */
  call<Name extends Operation>(name: Name, call: Call<Name> = {}): Promise<Answer<Json<Name>>> {
    const [method] = OPERATIONS[name]
    const mayRepeat =
      method === 'GET' || REPEATABLE.includes(name) || call.headers?.['idempotency-key'] !== undefined
    return this.#repeat(mayRepeat, call.signal, () => this.#once(name, call))
  }

  /** Starts a call whose answer is read while it arrives. Repeated and throws like `call`. */
  open<Name extends Operation>(name: Name, call: Call<Name>): Promise<Response> {
    return this.#repeat(true, call.signal, async () => {
      const request = { headers: this.#headers('text/event-stream', call), signal: call.signal ?? null }
      const [response, text] = await this.#send(name, call, request, async (answer) =>
        answer.ok ? '' : answer.text(),
      )
      if (response.ok) return response
      const problem = (parse(text) ?? {}) as Partial<Problem>
      throw new ApiError(name, response.status, response.headers, problem)
    })
  }

  async #once<Name extends Operation>(name: Name, call: Call<Name>): Promise<Answer<Json<Name>>> {
    const [method] = OPERATIONS[name]
    const timeout = AbortSignal.timeout(this.#timeoutMs)
    const request: RequestInit = {
      method,
      headers: this.#headers('application/json', call),
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
    }
    const [{ ok, status, headers }, text] = await this.#send(name, call, request, (answer) => answer.text())
    const isText = headers.get('content-type')?.startsWith('text/plain') ?? false
    const body = parse(text) ?? (isText ? text : undefined)
    if (!ok && status !== 304) throw new ApiError(name, status, headers, (body ?? {}) as Partial<Problem>)
    if (body === undefined && status !== 304 && status !== 204)
      throw new UnreachableError(this.base, 'what answers is no Async AI Task Runner', { isForeign: true })
    return { status, headers, body: body as Json<Name> }
  }

  /** @param read reads the body's part of the answer; when it fails, the call counts as unanswered. */
  async #send<Name extends Operation>(
    name: Name,
    call: Call<Name>,
    request: RequestInit,
    read: (answer: Response) => Promise<string>,
  ): Promise<readonly [Response, string]> {
    const send = this.#options.fetch ?? fetch
    try {
      const answer = await send(this.base + pathOf(name, call), request)
      return [answer, await read(answer)]
    } catch (cause) {
      if (call.signal?.aborted) throw call.signal.reason
      throw new UnreachableError(this.base, reasonOf(cause as Error, this.#timeoutMs), { cause })
    }
  }

  async #repeat<Result>(
    mayRepeat: boolean,
    signal: AbortSignal | undefined,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const retries = mayRepeat ? (this.#options.retries ?? 3) : 0
    for (let count = 0; ; count += 1) {
      try {
        return await run()
      } catch (error) {
        if (count >= retries || signal?.aborted || !isPassing(error)) throw error
        await pause(pauseOf(error, count), signal)
      }
    }
  }

  #headers<Name extends Operation>(accept: string, { body, headers }: Call<Name>): Record<string, string> {
    return {
      accept,
      ...keyHeaders(this.#options),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    }
  }
}

function pathOf<Name extends Operation>(name: Name, { params, query }: Call<Name>): string {
  const values = (params ?? {}) as Readonly<Record<string, string>>
  const path = OPERATIONS[name][1].replace(/\{(\w+)\}/g, (_, key: string) =>
    encodeURIComponent(values[key] ?? ''),
  )
  const fields = Object.entries(query ?? {}).filter(([, value]) => value !== undefined)
  const search = new URLSearchParams(fields.map(([key, value]) => [key, String(value)])).toString()
  return search ? `${path}?${search}` : path
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function reasonOf(cause: Error, timeoutMs: number): string {
  if (cause.name === 'TimeoutError') return `no answer in ${timeoutMs / 1_000} s`
  const inner = (cause.cause ?? cause) as { readonly code?: string; readonly message: string }
  return inner.code ?? inner.message
}

const isPassing = (error: unknown): boolean =>
  (error instanceof UnreachableError && !error.isForeign) ||
  (error instanceof ApiError && [429, 502, 503, 504].includes(error.status))

function pauseOf(error: unknown, count: number): number {
  const asked =
    error instanceof ApiError ? Number(error.headers.get('retry-after') ?? Number.NaN) : Number.NaN
  const own = FIRST_PAUSE_MS * 2 ** count * (0.5 + Math.random() / 2)
  return Math.min(MAX_PAUSE_MS, Number.isNaN(asked) ? own : Math.max(own, asked * 1_000))
}

/** @throws the signal's reason when the signal fires first. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })

/** The HTTP side of the CLI: one call, and what each kind of refusal means to the one who typed. */
import type { Problem } from './answers.ts'
import { CliError, EXIT, type ExitCode, MissingRouteError } from './failure.ts'
import type { Target } from './profile.ts'

/** API Gateway gives up after 29 s. */
const TIMEOUT_MS = 35_000

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer<Body> {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
}

export class Api {
  readonly target: Target

  constructor(target: Target) {
    this.target = target
  }

  async get<Body>(path: string, query?: CallOptions['query']): Promise<Body> {
    return (await this.call<Body>('GET', path, query ? { query } : {})).body
  }

  async post<Body>(path: string, body?: unknown): Promise<Body> {
    return (await this.call<Body>('POST', path, body === undefined ? {} : { body })).body
  }

  /** @throws CliError for every answer that is neither 2xx nor 304. */
  async call<Body>(
    method: string,
    path: string,
    { query, body, headers }: CallOptions = {},
  ): Promise<Answer<Body>> {
    const { base, key } = this.target
    const asked = Object.entries(query ?? {}).filter(([, value]) => value !== undefined)
    const search = new URLSearchParams(
      asked.map(([name, value]): [string, string] => [name, String(value)]),
    ).toString()
    const request = {
      method,
      headers: {
        accept: 'application/json',
        ...(key ? { 'x-api-key': key } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }
    const [response, text] = await fetch(`${base}${path}${search ? `?${search}` : ''}`, request)
      .then(async (response) => [response, await response.text()] as const)
      .catch((cause: Error) => {
        throw unreachable(this.target, cause)
      })
    const parsed = parse(text)
    if (response.status !== 304 && !response.ok) throw refusal(method, path, response, parsed, this.target)
    if (response.status !== 304 && parsed === undefined)
      throw new CliError(
        EXIT.unreachable,
        `${base} answers, but not as an Async AI Task Runner (from ${this.target.source}). Check the address.`,
      )
    return { status: response.status, headers: response.headers, body: parsed as Body }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unreachable({ base, source, isLocal }: Target, cause: Error): CliError {
  const { code, message } = (cause.cause ?? cause) as NodeJS.ErrnoException
  const reason = cause.name === 'TimeoutError' ? `no answer in ${TIMEOUT_MS / 1_000} s` : (code ?? message)
  const wayOut = isLocal
    ? 'Start it with "npm start", or name another stage with --base or --profile.'
    : 'Check the address and the network.'
  return new CliError(EXIT.unreachable, `Nothing answers at ${base} (${source}; ${reason}). ${wayOut}`, {
    cause,
  })
}

function refusal(
  method: string,
  path: string,
  { status, headers }: Response,
  answer: unknown,
  { base, key, source }: Target,
): CliError {
  const problem = (answer ?? {}) as Partial<Problem> & { readonly message?: string }
  if (status === 404 && !problem.code)
    return new CliError(
      EXIT.unreachable,
      `${base} answers, but not as an Async AI Task Runner (from ${source}). Check the address.`,
    )
  if (status === 404 && problem.detail?.startsWith('There is nothing at '))
    return new MissingRouteError(method, path, problem)
  const text = `${problem.title ?? 'Refused'} (${status}): ${sentence(problem)}`
  const wait = headers.get('retry-after')
  return new CliError(exitCodeOf(status), `${text}${advice(status, key, wait)}`, { problem })
}

export function exitCodeOf(status: number): ExitCode {
  if (status === 404) return EXIT.notFound
  return status < 500 ? EXIT.refused : EXIT.unreachable
}

/** The detail, and whatever of `errors` the detail does not say already. */
export function sentence({ detail, message, errors = [] }: Partial<Problem> & { readonly message?: string }) {
  const text = detail ?? message ?? 'no reason given'
  const more = errors
    .filter((error) => !text.includes(error.message))
    .map((error) => `${error.path || 'The body'} ${error.message}`)
  return `${[text.replace(/\.$/, ''), ...more.map((part) => part.replace(/\.$/, ''))].join('; ')}.`
}

function advice(status: number, key: string | undefined, wait: string | null): string {
  if (status === 401 || status === 403)
    return key
      ? ' It does not take this key: check --key, TASKRUNNER_KEY or the profile.'
      : ' This stage wants an API key: give it with --key, TASKRUNNER_KEY or a profile.'
  if (status === 429) return ` Try again${wait ? ` in ${wait} s` : ' later'}.`
  if (status >= 500) return ` Try again${wait ? ` in ${wait} s` : ''}; if it stays: npx taskrunner doctor`
  return ''
}

/** The CLI's use of the client: converts refusals into messages and exit codes. */
import { ApiError, type Client, createClient, UnreachableError } from '../../lib/client/client.ts'
import { OPERATIONS } from '../../lib/client/operations.gen.ts'
import type { Answer, Call, Json, Operation, Problem } from '../../lib/client/types.ts'
import { CliError, EXIT, type ExitCode, MissingRouteError } from './failure.ts'
import type { Target } from './profile.ts'

export class Api {
  readonly client: Client
  readonly #target: Target

  constructor(target: Target) {
    this.#target = target
    // One retry: the user learns quickly that nothing answers, and a single failure of the stage is not reported.
    const { base: url, key, gatewayKey } = target
    this.client = createClient({ url, key, gatewayKey, retries: 1 })
  }

  /** @throws CliError for every status except 2xx and 304. */
  call<Name extends Operation>(name: Name, call: Call<Name> = {}): Promise<Answer<Json<Name>>> {
    return this.client.call(name, call).catch((cause: unknown) => {
      throw this.#translate(name, cause)
    })
  }

  async json<Name extends Operation>(name: Name, call: Call<Name> = {}): Promise<Json<Name>> {
    return (await this.call(name, call)).body
  }

  #translate(name: Operation, cause: unknown): unknown {
    if (cause instanceof UnreachableError) return unreachable(this.#target, cause)
    return cause instanceof ApiError ? refusal(name, cause, this.#target) : cause
  }
}

const wrongAddress = ({ base, source }: Target): CliError =>
  new CliError(
    EXIT.unreachable,
    `${base} answers, but not as an Async AI Task Runner (from ${source}). Check the address.`,
  )

function unreachable(target: Target, cause: UnreachableError): CliError {
  if (cause.isForeign) return wrongAddress(target)
  const { base, source, isLocal } = target
  const wayOut = isLocal
    ? 'Start it with "npm start", or name another stage with --base or --profile.'
    : 'Check the address and the network.'
  return new CliError(
    EXIT.unreachable,
    `Nothing answers at ${base} (${source}; ${cause.reason}). ${wayOut}`,
    {
      cause,
    },
  )
}

function refusal(name: Operation, { status, headers, problem }: ApiError, target: Target): CliError {
  if (status === 404 && !problem.code) return wrongAddress(target)
  if (status === 404 && problem.detail?.startsWith('There is nothing at '))
    return new MissingRouteError(OPERATIONS[name][0], OPERATIONS[name][1], problem)
  const text = `${problem.title ?? 'Refused'} (${status}): ${problemSentence(problem)}`
  return new CliError(
    exitCodeOf(status),
    `${text}${advice(status, target.key, headers.get('retry-after'))}`,
    {
      problem,
    },
  )
}

export function exitCodeOf(status: number): ExitCode {
  if (status === 404) return EXIT.notFound
  return status < 500 ? EXIT.refused : EXIT.unreachable
}

/** The detail, and those of `errors` that the detail does not contain. */
export function problemSentence({
  detail,
  message,
  errors = [],
}: Partial<Problem> & { readonly message?: string }) {
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

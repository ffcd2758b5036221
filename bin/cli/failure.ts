/** Errors and exit codes of the CLI. */

/** Exit codes, the same for every command; `npx taskrunner --help` lists them. */
export const EXIT = {
  ok: 0,
  /** The task ended without a result, or `doctor` found a problem that stops tasks. */
  taskFailed: 1,
  usage: 2,
  notFound: 3,
  /** The stage refused the request: key, state, a field, too many requests. */
  refused: 4,
  /** No answer, or a server error. */
  unreachable: 5,
  /** The task was still running at the end of --give-up. */
  stillRunning: 6,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** One line that names the thing, the rule and the solution. */
export class CliError extends Error {
  readonly exitCode: ExitCode
  /** The stage's problem+json, for `--json`. */
  readonly problem: unknown

  constructor(exitCode: ExitCode, message: string, options: { cause?: unknown; problem?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CliError'
    this.exitCode = exitCode
    this.problem = options.problem
  }
}

export const usageError = (message: string): CliError => new CliError(EXIT.usage, message)

/** This stage's version lacks the route; other commands still work. */
export class MissingRouteError extends CliError {
  constructor(method: string, path: string, problem: unknown) {
    super(
      EXIT.notFound,
      `This stage’s version has no ${method} ${path}. Deploy this checkout to it, or leave the command out.`,
      { problem },
    )
    this.name = 'MissingRouteError'
  }
}

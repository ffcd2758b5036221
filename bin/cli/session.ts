import { styleText } from 'node:util'
import type { Command } from 'commander'
import { nearestText } from '../../functions/core/domain/nearest-name.ts'
import { Api } from './api.ts'
import { type ExitCode, MissingRouteError, usageError } from './failure.ts'
import { type Environment, type Flags, readTarget, type Target } from './profile.ts'
import { forTerminal, type Paint } from './screen.ts'

/** Everything that a command works with. */
export interface Session {
  readonly api: Api
  readonly target: Target
  readonly env: Environment
  readonly isJson: boolean
  readonly paint: Paint
  /** Width of the terminal; infinite when the output is not a terminal, so that nothing is shortened. */
  readonly columns: number
  /** The output is a terminal, so lines may be redrawn. */
  readonly isLive: boolean
  /** Writes a line of the answer to stdout. */
  out(text: string): void
  /** Writes a line of progress or a hint to stderr. */
  note(text: string): void
  /** Writes the answer to stdout, as JSON or as text. */
  show(answer: unknown, asText: () => string): void
  exit(code: ExitCode): void
}

/**
 * For a command whose subcommand is optional: refuses any other word in its place.
 *
 * @throws CliError that names the nearest subcommand.
 */
export function refuseUnknown({ args: [word], parent }: Command): void {
  if (word === undefined || parent === null) return
  const names = parent.commands.map((command) => command.name())
  throw usageError(
    `There is no "${parent.name()} ${word}".${nearestText(word, names)} Known: ${names.join(', ')}.`,
  )
}

export type AddCommand = (program: Command) => void

/** Reads the options before and after the command's name, once per command. */
export async function openSession(command: Command): Promise<Session> {
  const flags = command.optsWithGlobals<Flags & { json?: boolean }>()
  const target = await readTarget(flags, process.env)
  const isJson = flags.json === true
  const to = (stream: NodeJS.WriteStream) => (text: string) =>
    void stream.write(`${forTerminal(text, stream)}\n`)
  const out = to(process.stdout)
  return {
    api: new Api(target),
    target,
    env: process.env,
    isJson,
    paint: (style, text) => styleText(style, text, { stream: process.stdout }),
    columns: process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY,
    isLive: process.stdout.isTTY === true && !isJson,
    out,
    note: to(process.stderr),
    show: (answer, asText) => out(isJson ? JSON.stringify(answer, null, 2) : asText()),
    exit: (code) => {
      process.exitCode = code
    },
  }
}

/** @returns undefined when this stage's version does not have the route. */
export const unlessMissingRoute = <Body>(call: Promise<Body>): Promise<Body | undefined> =>
  call.catch((cause: unknown) => {
    if (cause instanceof MissingRouteError) return undefined
    throw cause
  })

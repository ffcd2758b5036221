import { styleText } from 'node:util'
import type { Command } from 'commander'
import { nearestName } from '../../functions/core/domain/nearest-name.ts'
import { Api } from './api.ts'
import { type ExitCode, MissingRouteError, usageError } from './failure.ts'
import { type Environment, type Flags, readTarget, type Target } from './profile.ts'
import { forTerminal, type Paint } from './screen.ts'

/** What a command has to work with. */
export interface Session {
  readonly api: Api
  readonly target: Target
  readonly env: Environment
  readonly isJson: boolean
  readonly paint: Paint
  /** Width of the terminal; endless when the output goes elsewhere, where nothing must be cut. */
  readonly columns: number
  /** A person watches: lines may be redrawn. */
  readonly isLive: boolean
  /** A line of the answer, on stdout. */
  out(text: string): void
  /** A line beside the answer, on stderr: progress, hints. */
  note(text: string): void
  /** The answer as JSON on stdout, or else as text. */
  show(answer: unknown, asText: () => string): void
  exit(code: ExitCode): void
}

/**
 * For a command that runs where none of its siblings was named: any other word in its place is a mistake.
 *
 * @throws CliError that names the nearest.
 */
export function refuseUnknown({ args: [word], parent }: Command): void {
  if (word === undefined || parent === null) return
  const names = parent.commands.map((command) => command.name())
  throw usageError(
    `There is no "${parent.name()} ${word}". Nearest: "${nearestName(word, names)}". Known: ${names.join(', ')}.`,
  )
}

/** Adds one command to the program. */
export type AddCommand = (program: Command) => void

/** Read once per command, from the flags that stand before or after its name. */
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

/** @returns undefined when this stage's version has no such route. */
export const ifThere = <Body>(call: Promise<Body>): Promise<Body | undefined> =>
  call.catch((cause: unknown) => {
    if (cause instanceof MissingRouteError) return undefined
    throw cause
  })

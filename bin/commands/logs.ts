import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LANES } from '../../functions/contract.ts'
import { CliError, EXIT, usageError } from '../cli/failure.ts'
import { stateDirectory } from '../cli/profile.ts'
import { oneLine, type Paint } from '../cli/screen.ts'
import { type AddCommand, openSession, type Session } from '../cli/session.ts'
import { wholeNumber } from '../cli/values.ts'

/** Functions as `lib/stacks/stateless-stack.ts` names them; log files and log groups carry the same names. */
export const FUNCTIONS: readonly string[] = [
  'Writes',
  'Reads',
  'Public',
  'SweeperSweep',
  ...LANES.map((lane) => `lane${lane}Worker`),
]
const FOLLOW_MS = 300
/** Of each file at most so much of its end is read. */
const TAIL_BYTES = 2 * 1024 * 1024

interface LogOptions {
  readonly follow?: boolean
  readonly lines: number
  readonly function?: string
  readonly task?: string
  readonly errors?: boolean
  readonly stage?: string
}

/** `logs`: the local stage's function logs; for a deployed stage the command that shows them. */
export const addLogs: AddCommand = (program) => {
  program
    .command('logs')
    .description('show the functions’ logs (deployed stages: print the aws logs tail commands)')
    .option('-f, --follow', 'go on with what comes')
    .option('-n, --lines <n>', 'so many of the last lines', wholeNumber, 20)
    .option('--function <name>', FUNCTIONS.join(', '))
    .option('--task <id>', 'only lines of this task')
    .option('--errors', 'only warnings and errors')
    .option('--stage <name>', 'of a deployed stage, where the profile does not say it')
    .action(async (options: LogOptions, command) => {
      const session = await openSession(command)
      if (options.function !== undefined && !FUNCTIONS.includes(options.function))
        throw usageError(`There is no function "${options.function}". There are: ${FUNCTIONS.join(', ')}.`)
      if (!session.target.isLocal) return showCommands(session, options)
      await showFiles(session, options)
    })
}

function showCommands(session: Session, options: LogOptions): void {
  const stage = options.stage ?? session.target.stage
  if (!stage) throw usageError('Whose logs? Add --stage dev, or "stage" to the profile.')
  const commands = (options.function ? [options.function] : FUNCTIONS).map((name) =>
    tailCommand({ stage, name, region: session.target.region, ...options }),
  )
  session.show({ commands }, () => commands.join('\n'))
}

/** Log groups have generated names; their start is stack and function. */
export function tailCommand(options: {
  readonly stage: string
  readonly name: string
  readonly region?: string | undefined
  readonly follow?: boolean
  readonly task?: string
  readonly errors?: boolean
}): string {
  const region = options.region ? ` --region ${options.region}` : ''
  const prefix = `TaskRunner-${options.stage}-stateless-${options.name}Log`
  const group = `$(aws logs describe-log-groups${region} --log-group-name-prefix ${prefix} --query 'logGroups[0].logGroupName' --output text)`
  const filter = options.task
    ? ` --filter-pattern '"${options.task.replace(/[^\w-]/g, '')}"'`
    : options.errors
      ? ` --filter-pattern '{ $.level = "ERROR" || $.level = "WARN" }'`
      : ''
  return `aws logs tail "${group}"${region} --since 1h${options.follow ? ' --follow' : ''}${filter}`
}

export interface LogLine {
  readonly time: string
  readonly name: string
  readonly level: string
  readonly text: string
  readonly raw: string
}

/** One line of a function's log. Reports of invocations are no lines of anybody's. */
export function readLine(name: string, raw: string): LogLine | undefined {
  try {
    const line = JSON.parse(raw) as Record<string, unknown>
    if (typeof line.type === 'string' && line.type.startsWith('platform.')) return undefined
    const message = line.message
    const text =
      message !== null && typeof message === 'object'
        ? Object.entries(message)
            .map(([key, value]) =>
              key === 'event' ? value : `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
            )
            .join(' ')
        : String(message ?? line.errorMessage ?? raw)
    return {
      time: String(line.timestamp ?? line.time ?? ''),
      name,
      level: String(line.level ?? 'INFO'),
      text,
      raw,
    }
  } catch {
    return raw.trim() === '' ? undefined : { time: '', name, level: 'INFO', text: raw, raw }
  }
}

export const lineText = ({ time, name, level, text }: LogLine, paint: Paint): string =>
  [
    paint('dim', time.slice(11, 23)),
    paint('cyan', name),
    ...(level === 'INFO' ? [] : [paint(level === 'WARN' ? 'yellow' : 'red', level)]),
    oneLine(text),
  ].join(' ')

/** New lines of some files, in the order of their times. */
export class LogReader {
  readonly #directory: string
  readonly #names: readonly string[]
  readonly #places = new Map<string, number>()

  constructor(directory: string, names: readonly string[]) {
    this.#directory = directory
    this.#names = names
  }

  async next(): Promise<readonly LogLine[]> {
    const lines = await Promise.all(this.#names.map((name) => this.#read(name)))
    return lines.flat().sort((left, right) => (left.time < right.time ? -1 : left.time > right.time ? 1 : 0))
  }

  async #read(name: string): Promise<readonly LogLine[]> {
    const path = join(this.#directory, `${name}.log`)
    const { size } = await stat(path).catch(() => ({ size: 0 }))
    const known = this.#places.get(name)
    // A file that has shrunk was started anew.
    const from = known === undefined ? Math.max(0, size - TAIL_BYTES) : known > size ? 0 : known
    if (size === from) return []
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from)
      // A line still being written is left for the next time.
      const end = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1
      this.#places.set(name, from + end)
      const found = buffer.subarray(0, end).toString('utf8').split('\n')
      return found.flatMap((raw) => readLine(name, raw) ?? [])
    } finally {
      await file.close()
    }
  }
}

async function showFiles(session: Session, options: LogOptions): Promise<void> {
  const directory = join(stateDirectory(session.env), 'logs')
  if ((await readdir(directory).catch(() => [])).length === 0)
    throw new CliError(
      EXIT.notFound,
      `There are no logs in ${directory}. Start the local stage with "npm start", or set TASKRUNNER_STATE to its place.`,
    )
  const isAsked = ({ raw, level }: LogLine) =>
    (!options.task || raw.includes(options.task)) && (!options.errors || /^(WARN|ERROR|FATAL)$/.test(level))
  const print = (line: LogLine) => session.out(session.isJson ? line.raw : lineText(line, session.paint))
  const reader = new LogReader(directory, options.function ? [options.function] : FUNCTIONS)
  const last = (await reader.next()).filter(isAsked)
  for (const line of last.slice(Math.max(0, last.length - options.lines))) print(line)
  while (options.follow) {
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS))
    for (const line of (await reader.next()).filter(isAsked)) print(line)
  }
}

import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FUNCTION_NAMES, OPEN_TENANT } from '../../functions/contract.ts'
import { CliError, EXIT, usageError } from '../cli/failure.ts'
import { stateDirectory } from '../cli/profile.ts'
import { oneLine, type Paint, withoutControls } from '../cli/screen.ts'
import { type AddCommand, openSession, type Session } from '../cli/session.ts'
import { parseWholeNumber } from '../cli/values.ts'

const FOLLOW_MS = 300
/** Most bytes read from the end of each file. */
const TAIL_BYTES = 2 * 1024 * 1024

interface LogOptions {
  readonly follow?: boolean
  readonly lines: number
  readonly function?: string
  readonly task?: string
  readonly errors?: boolean
  readonly search?: string
  readonly stage?: string
}

/** `logs`: shows the local stage's function logs; for a deployed stage, prints the AWS command that does. */
export const addLogs: AddCommand = (program) => {
  program
    .command('logs')
    .description('show the functions’ logs (deployed stages: print the aws logs tail commands)')
    .argument('[id]', 'the same as --task')
    .option('-f, --follow', 'keep printing new lines')
    .option('-n, --lines <n>', 'number of last lines', parseWholeNumber, 20)
    .option('--function <name>', FUNCTION_NAMES.join(', '))
    .option('--task <id>', 'only lines of this task')
    .option('--errors', 'only warnings and errors')
    .option('--search <words>', 'only lines with all of these words')
    .option('--stage <name>', 'name of a deployed stage, if the profile does not have it')
    .action(async (id: string | undefined, given: LogOptions, command) => {
      const options = id === undefined ? given : { ...given, task: id }
      const session = await openSession(command)
      if (options.function !== undefined && !FUNCTION_NAMES.includes(options.function))
        throw usageError(
          `There is no function "${options.function}". There are: ${FUNCTION_NAMES.join(', ')}.`,
        )
      if (!session.target.isLocal) return showCommands(session, options)
      await showFiles(session, options)
    })
}

function showCommands(session: Session, options: LogOptions): void {
  const stage = options.stage ?? session.target.stage
  if (!stage) throw usageError('Whose logs? Add --stage dev, or "stage" to the profile.')
  const commands = (options.function ? [options.function] : FUNCTION_NAMES).map((name) =>
    tailCommand({ stage, name, region: session.target.region, ...options }),
  )
  session.show({ commands }, () => commands.join('\n'))
}

/** Log groups have generated names that begin with stack and function. */
export function tailCommand(options: {
  readonly stage: string
  readonly name: string
  readonly region?: string | undefined
  readonly follow?: boolean
  readonly task?: string
  readonly errors?: boolean
  readonly search?: string
}): string {
  const region = options.region ? ` --region ${options.region}` : ''
  const prefix = `TaskRunner-${options.stage}-stateless-${options.name}Log`
  const group = `$(aws logs describe-log-groups${region} --log-group-name-prefix ${prefix} --query 'logGroups[0].logGroupName' --output text)`
  const words = [...(options.task ? [options.task] : []), ...(options.search ?? '').split(/\s+/)]
    .map((word) => word.replaceAll(/[^\w.:-]/g, ''))
    .filter(Boolean)
  const filter =
    words.length > 0
      ? ` --filter-pattern '${words.map((word) => `"${word}"`).join(' ')}'`
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
  /** Further lines of the entry: a stack, or a message of several lines. */
  readonly more: readonly string[]
  readonly raw: string
}

/** Parses one line of a function's log. Reports of invocations are left out. */
export function readLine(name: string, raw: string): LogLine | undefined {
  try {
    const line = JSON.parse(raw) as Record<string, unknown>
    if (typeof line.type === 'string' && line.type.startsWith('platform.')) return undefined
    const message = line.message
    const [text = '', ...more] = textOf(message ?? line.errorMessage ?? raw).split('\n')
    return {
      time: String(line.timestamp ?? line.time ?? ''),
      name,
      level: String(line.level ?? 'INFO'),
      text,
      more,
      raw,
    }
  } catch {
    return raw.trim() === '' ? undefined : { time: '', name, level: 'INFO', text: raw, more: [], raw }
  }
}

/** An event as `key=value`, message first, stack last. */
function textOf(message: unknown): string {
  if (message === null || typeof message !== 'object') return String(message)
  const { event, stack, stackTrace, tenant, ...rest } = message as Readonly<Record<string, unknown>>
  // Of a stage that has one it says nothing.
  const fields: Readonly<Record<string, unknown>> = {
    ...(tenant === undefined || tenant === OPEN_TENANT ? {} : { tenant }),
    ...rest,
  }
  const { message: said, ...others } = event === 'task.log' ? fields : { message: undefined, ...fields }
  const facts = Object.entries(others).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const [first = '', ...further] = String(said ?? '').split('\n')
  const frames = Array.isArray(stackTrace) ? stackTrace.join('\n') : stack
  return [[event, first, ...facts].filter(Boolean).join(' '), ...further, frames].filter(Boolean).join('\n')
}

export const lineText = ({ time, name, level, text, more }: LogLine, paint: Paint): string =>
  [
    [
      paint('dim', time.slice(11, 23)),
      paint('cyan', name),
      ...(level === 'INFO' ? [] : [paint(level === 'WARN' ? 'yellow' : 'red', level)]),
      oneLine(text),
    ].join(' '),
    ...more.map((line) => paint('dim', `             ${withoutControls(line)}`)),
  ].join('\n')

/** Reads new lines of several files, ordered by time. */
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
    // A file that has become shorter was started again.
    const from = known === undefined ? Math.max(0, size - TAIL_BYTES) : known > size ? 0 : known
    if (size === from) return []
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from)
      // An incomplete line is read the next time.
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
  const words = (options.search ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const isAsked = ({ raw, level }: LogLine) =>
    (!options.task || raw.includes(options.task)) &&
    (!options.errors || /^(WARN|ERROR|FATAL)$/.test(level)) &&
    words.every((word) => raw.toLowerCase().includes(word))
  const print = (line: LogLine) => session.out(session.isJson ? line.raw : lineText(line, session.paint))
  const reader = new LogReader(directory, options.function ? [options.function] : FUNCTION_NAMES)
  const last = (await reader.next()).filter(isAsked)
  for (const line of last.slice(Math.max(0, last.length - options.lines))) print(line)
  while (options.follow) {
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS))
    for (const line of (await reader.next()).filter(isAsked)) print(line)
  }
}

import type { Command } from 'commander'
import { newKey } from '../../lib/client/client.ts'
import type { Json } from '../../lib/client/types.ts'
import { usageError } from '../cli/failure.ts'
import { type Schedule, scheduleTable, scheduleText } from '../cli/schedule-text.ts'
import { type AddCommand, openSession, refuseUnknown } from '../cli/session.ts'
import {
  addValue,
  parseSeconds,
  parseTime,
  parseWholeNumber,
  readJsonValue,
  readText,
} from '../cli/values.ts'

interface Options {
  readonly cron?: string
  readonly every?: number
  readonly at?: string
  readonly timezone?: string
  /** `false`: remove it. */
  readonly start?: string | false
  readonly end?: string | false
  readonly type?: string
  readonly input?: string
  readonly prompt?: string
  readonly model?: string
  readonly priority?: number
  readonly tag?: readonly string[]
  readonly name?: string
  readonly overlap?: Schedule['overlap']
  readonly missed?: Schedule['missed']
  readonly jitter?: number
}

/** Options of both `create` and `update`. */
const withOptions = (command: Command): Command =>
  command
    .option('--cron <expression>', 'five fields, or six with seconds first: "0 9 * * MON-FRI"')
    .option('--every <span>', 'this far apart: 90s, 15m, 2h', parseSeconds)
    .option('--at <time>', 'once, at this time (RFC 3339)', parseTime)
    .option('--timezone <zone>', 'of --cron, e.g. Europe/Berlin; UTC by default')
    .option('--start <time>', 'not before this time', parseTime)
    .option('--end <time>', 'not after this time', parseTime)
    .option('--prompt <text>', 'prompt for the model; {{scheduled_time}} is replaced by the planned time')
    .option('-t, --type <name>', 'task type, see: inspect registered')
    .option('-i, --input <json>', 'its input: JSON, @file.json, or - for stdin')
    .option('-m, --model <name>', 'model of the task')
    .option('-p, --priority <0-10>', 'of the task; 8 and above use the urgent lane', parseWholeNumber)
    .option('--tag <word>', 'of the task; may be repeated', addValue)
    .option('--name <text>', 'its name in lists')
    .option('--overlap <rule>', 'when the previous one still runs: skip, allow or cancel_running')
    .option('--missed <rule>', 'for times that passed during an outage: skip, run_once or run_all')
    .option('--jitter <span>', 'each firing is delayed by up to this', parseSeconds)

export const addSchedules: AddCommand = (program) => {
  const schedules = program
    .command('schedules')
    .alias('schedule')
    .description('show, create and change schedules: tasks by cron, at a rate or once')
  schedules
    .command('list', { isDefault: true })
    .allowExcessArguments()
    .description('list schedules, those in the stage’s file first')
    .action(async (_options, command) => {
      refuseUnknown(command)
      const session = await openSession(command)
      const found: Schedule[] = []
      let cursor: string | undefined
      do {
        const page: Json<'listSchedules'> = await session.api.json('listSchedules', {
          query: { limit: 100, cursor },
        })
        found.push(...page.schedules)
        cursor = page.next_cursor ?? undefined
      } while (cursor !== undefined)
      session.show({ schedules: found }, () => scheduleTable(found, Date.now(), session.paint))
    })
  withOptions(schedules.command('create'))
    .description('create one: --cron, --every or --at, and --prompt or --type with --input')
    .option('-k, --idempotency-key <key>', 'the same key gives the same schedule back')
    .action(async (options: Options & { readonly idempotencyKey?: string }, command) => {
      const task = await taskOf(options)
      if (!task) throw usageError('Give what it runs: --prompt, or --type with --input.')
      const body = { ...fieldsOf(options), task }
      const session = await openSession(command)
      const made = await session.api.json('createSchedule', {
        body,
        headers: { 'idempotency-key': options.idempotencyKey ?? newKey() },
      })
      session.show(made, () => scheduleText(made, Date.now(), session.paint))
    })
  withOptions(schedules.command('update'))
    .description('change one; options left out do not change, and new times replace the old ones')
    .argument('<id>')
    .option('--no-start', 'remove its start')
    .option('--no-end', 'remove its end')
    .action(async (id: string, options: Options, command) => {
      const task = await taskOf(options)
      const body = { ...fieldsOf(options), ...(task ? { task } : {}) }
      if (Object.keys(body).length === 0)
        throw usageError('Give what to change, see: schedules update --help')
      const session = await openSession(command)
      const changed = await session.api.json('updateSchedule', { params: { id }, body })
      session.show(changed, () => scheduleText(changed, Date.now(), session.paint))
    })
  schedules
    .command('show')
    .description('show one, with its next times and what prevents them')
    .argument('<id>')
    .action(async (id: string, _options, command) => {
      const session = await openSession(command)
      const found = await session.api.json('getSchedule', { params: { id } })
      session.show(found, () => scheduleText(found, Date.now(), session.paint))
    })
  for (const [name, operation, does] of [
    ['pause', 'pauseSchedule', 'stop firing; times that pass are skipped'],
    ['resume', 'resumeSchedule', 'fire again'],
  ] as const)
    schedules
      .command(name)
      .description(does)
      .argument('<id>')
      .action(async (id: string, _options, command) => {
        const session = await openSession(command)
        const changed = await session.api.json(operation, { params: { id } })
        session.show(changed, () => scheduleText(changed, Date.now(), session.paint))
      })
  schedules
    .command('run')
    .description('submit its task now, in addition to its planned times')
    .argument('<id>')
    .option('-k, --idempotency-key <key>', 'the same key gives the same task back')
    .action(async (id: string, options: { readonly idempotencyKey?: string }, command) => {
      const session = await openSession(command)
      const task = await session.api.json('runSchedule', {
        params: { id },
        headers: { 'idempotency-key': options.idempotencyKey ?? newKey() },
      })
      session.show(task, () => task.id)
    })
  schedules
    .command('delete')
    .description('delete one; its tasks are kept')
    .argument('<id>')
    .action(async (id: string, _options, command) => {
      const session = await openSession(command)
      await session.api.call('deleteSchedule', { params: { id } })
      session.show({ id, deleted: true }, () => `${id} is deleted.`)
    })
}

/** @returns undefined when no option about the task is given. */
async function taskOf({ prompt, type, input, model, priority, tag }: Options) {
  const more = Object.fromEntries(
    Object.entries({ model, priority, tags: tag }).filter(([, value]) => value !== undefined),
  )
  if (prompt !== undefined && type !== undefined)
    throw usageError('--prompt is short for a type of its own; give it, or --type with --input.')
  if (prompt !== undefined) return { prompt: await readText(prompt), ...more }
  if (type !== undefined)
    return { type, input: input === undefined ? {} : await readJsonValue(input), ...more }
  if (input !== undefined || Object.keys(more).length > 0)
    throw usageError('These belong to a task: give --prompt, or --type, as well.')
  return undefined
}

function fieldsOf(options: Options) {
  const fields = {
    cron: options.cron,
    rate_seconds: options.every,
    at: options.at,
    timezone: options.timezone,
    start_at: options.start === false ? null : options.start,
    end_at: options.end === false ? null : options.end,
    name: options.name,
    overlap: options.overlap,
    missed: options.missed,
    jitter_seconds: options.jitter,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

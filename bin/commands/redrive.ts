import { Argument } from 'commander'
import { LANES } from '../../functions/contract.ts'
import type { Redrive } from '../../lib/client/types.ts'
import { factLines, type Paint, progressBarText } from '../cli/screen.ts'
import { type AddCommand, openSession, type Session } from '../cli/session.ts'
import { parseInstant, parsePositive, parseWholeNumber } from '../cli/values.ts'

interface RedriveOptions {
  readonly type?: string
  readonly errorCode?: string
  readonly failedAfter?: string
  readonly failedBefore?: string
  readonly createdAfter?: string
  readonly createdBefore?: string
  readonly limit?: number
  readonly pace?: number
  readonly dryRun?: boolean
  readonly deleteUnreadable?: boolean
}

/** Most tasks that one call can start. */
const MAX_PER_CALL = 5_000
/** With a pace, each call starts the tasks of one minute, and the next call follows a minute later. */
const PACED_SECONDS = 60
/** Most ids that are listed; more would hide the rest of the answer. */
const MAX_LISTED = 100

/** `redrive`: restarts the failed tasks of a lane, each once, with as many calls as needed. */
export const addRedrive: AddCommand = (program) => {
  program
    .command('redrive')
    .description('run the failed tasks of a lane again; --dry-run only counts them')
    .addArgument(new Argument('<lane>').choices(LANES))
    .option('--dry-run', 'only show what would run again')
    .option('--delete-unreadable', 'delete messages that no worker can read; --dry-run lists them')
    .option('-t, --type <name>', 'only this task type')
    .option('-e, --error-code <code>', 'only failures with this code')
    .option('--failed-after <time>', 'a time, or a span before now (2h)', parseInstant)
    .option('--failed-before <time>', 'a time, or a span before now', parseInstant)
    .option('--created-after <time>', 'a time, or a span before now', parseInstant)
    .option('--created-before <time>', 'a time, or a span before now', parseInstant)
    .option('-n, --limit <n>', 'at most so many', parseWholeNumber)
    .option(
      '--pace <per-second>',
      'starts per second, so that a recovering provider is not overloaded',
      parsePositive,
    )
    .action(async (lane: string, options: RedriveOptions, command) => {
      const session = await openSession(command)
      const answer = await redriveAll(session, lane, options)
      session.show(answer, () => redriveText(answer, session.paint))
    })
}

/** Repeats the call until nothing is left, the limit is reached, or a call started nothing. */
export async function redriveAll(
  { api, isLive, note }: Pick<Session, 'api' | 'isLive' | 'note'>,
  lane: string,
  options: RedriveOptions,
  sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
): Promise<Redrive> {
  const { limit = Number.POSITIVE_INFINITY, pace } = options
  const perCall = pace ? Math.max(1, Math.floor(pace * PACED_SECONDS)) : MAX_PER_CALL
  const isDryRun = options.dryRun === true
  const total = isLive && !isDryRun ? await deadLettersOf(api, lane) : undefined
  let all: Redrive | undefined
  for (;;) {
    const left = limit - (all?.redriven ?? 0)
    const begun = Date.now()
    const answer: Redrive = await api.json('redriveQueue', {
      params: { lane },
      body: {
        ...(options.type ? { type: options.type } : {}),
        ...(options.errorCode ? { error_code: options.errorCode } : {}),
        ...(options.failedAfter ? { failed_after: options.failedAfter } : {}),
        ...(options.createdAfter ? { created_after: options.createdAfter } : {}),
        ...(options.createdBefore ? { created_before: options.createdBefore } : {}),
        // All calls use the first call's time, so that tasks which fail again meanwhile are not restarted.
        ...(all || options.failedBefore ? { failed_before: all?.failed_before ?? options.failedBefore } : {}),
        ...(all?.next_cursor ? { cursor: all.next_cursor } : {}),
        limit: Math.min(perCall, MAX_PER_CALL, left),
        ...(pace === undefined ? {} : { pace_per_second: pace }),
        dry_run: isDryRun,
        ...(options.deleteUnreadable ? { delete_unreadable: true } : {}),
      },
    })
    all = all ? together(all, answer) : answer
    if (all.next_cursor === null || all.redriven >= limit) return all
    if (isLive) note(progressText(all, total))
    if (pace) await sleep(Math.max(0, PACED_SECONDS * 1_000 - (Date.now() - begun)))
  }
}

const deadLettersOf = async (api: Session['api'], lane: string): Promise<number | undefined> =>
  api
    .json('listQueues', {})
    .then(({ queues }) => queues.find((queue) => queue.lane === lane)?.dead_letters)
    .catch(() => undefined)

/** The sum of two consecutive calls: counts are added, the remaining number is the later one's. */
function together(before: Redrive, now: Redrive): Redrive {
  const byError = { ...before.by_error }
  for (const [code, count] of Object.entries(now.by_error)) byError[code] = (byError[code] ?? 0) + count
  const redriven = before.redriven + now.redriven
  return {
    ...now,
    by_error: byError,
    redriven,
    matched: now.dry_run ? before.matched + now.matched : redriven + now.remaining,
    unreadable: before.unreadable,
    tasks: before.tasks.length < MAX_LISTED ? [...before.tasks, ...now.tasks] : before.tasks,
  }
}

/** The dead-letter queue's depth is an approximate number that includes other tenants. */
export function progressText(
  { dry_run: isDryRun, redriven, matched }: Redrive,
  total: number | undefined,
): string {
  if (isDryRun) return `${matched} looked at so far`
  const whole = Math.max(total ?? 0, matched)
  return `${progressBarText((100 * redriven) / Math.max(1, whole))} ${redriven} of about ${whole} run again`
}

export function redriveText(answer: Redrive, paint: Paint): string {
  const { lane, matched, redriven, remaining, by_error: byError, tasks } = answer
  const head = answer.dry_run
    ? `${matched} failed ${matched === 1 ? 'task' : 'tasks'} of lane ${lane} would run again. Nothing was changed.`
    : `${redriven} of ${matched} failed tasks of lane ${lane} run again, ${remaining} remain.`
  const codes = factLines(
    Object.entries(byError).map(([code, count]) => [code, String(count)] as const),
    paint,
  )
  const foreign = answer.unreadable.map(({ message_id: id, bytes }) => `  ${id}  ${bytes} bytes`)
  const unreadableLine = answer.dry_run
    ? `${foreign.length} messages in its dead-letter queue that no worker can read; --delete-unreadable deletes them:`
    : `${foreign.length} messages deleted that no worker can read:`
  const unreadable = foreign.length > 0 ? [unreadableLine, ...foreign.slice(0, MAX_LISTED)] : []
  const more = tasks.length < redriven || tasks.length > MAX_LISTED
  const listed = more
    ? [...tasks.slice(0, MAX_LISTED), `… ${redriven - Math.min(MAX_LISTED, tasks.length)} more`]
    : tasks
  return [head, ...(codes ? [codes] : []), ...listed, ...unreadable].join('\n')
}

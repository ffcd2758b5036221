import { Argument } from 'commander'
import type { Stats, Status, Task, TaskTypeList } from '../../lib/client/types.ts'
import { factLines, type Paint, table } from '../cli/screen.ts'
import { type AddCommand, openSession, type Session, unlessMissingRoute } from '../cli/session.ts'
import { taskTable } from '../cli/task-text.ts'

const VIEWS = ['active', 'reserved', 'scheduled', 'registered', 'stats', 'conf'] as const
const PAGE = 100

/** `inspect`: lists tasks by Celery's terms. active = PROCESSING, reserved = PENDING, scheduled = SCHEDULED and RETRYING. */
export const addInspect: AddCommand = (program) => {
  program
    .command('inspect')
    .description('look inside, in Celery’s words: active, reserved, scheduled, registered, stats, conf')
    .addArgument(new Argument('<what>').choices(VIEWS))
    .action(async (what: (typeof VIEWS)[number], _options, command) => {
      const session = await openSession(command)
      await INSPECT[what](session)
    })
}

const INSPECT: Readonly<Record<(typeof VIEWS)[number], (session: Session) => Promise<void>>> = {
  active: (session) => showTasks(session, ['PROCESSING']),
  reserved: (session) => showTasks(session, ['PENDING']),
  scheduled: (session) => showTasks(session, ['SCHEDULED', 'RETRYING']),
  registered: async (session) => {
    const answer = await session.api.json('listTaskTypes')
    session.show(answer, () => typeTable(answer, session.paint))
  },
  stats: async (session) => {
    const answer = await session.api.json('getStats', { query: { hours: 24 } })
    session.show(answer, () => statsText(answer, session.paint))
  },
  conf: showConf,
}

/** Newest first, one page of each status. */
export async function tasksOf(session: Session, statuses: readonly Status[]): Promise<readonly Task[]> {
  const pages = await Promise.all(
    statuses.map((status) => session.api.json('listTasks', { query: { status, limit: PAGE } })),
  )
  return pages.flatMap(({ tasks }) => tasks)
}

async function showTasks(session: Session, statuses: readonly Status[]): Promise<void> {
  const tasks = await tasksOf(session, statuses)
  const { paint, columns } = session
  session.show({ tasks }, () =>
    tasks.length === 0
      ? `No task is ${statuses.join(' or ')}.`
      : taskTable(tasks, { now: Date.now(), paint, columns }),
  )
}

export const typeTable = ({ task_types: types }: TaskTypeList, paint: Paint): string =>
  table(
    ['TYPE', 'LANE', 'TRIES', 'TIMEOUT', 'INPUT', 'DOES'],
    types.map((type) => [
      type.name,
      type.lane,
      String(type.max_attempts),
      `${type.timeout_seconds} s`,
      fieldsOf(type.input_schema),
      type.summary,
    ]),
    { paint },
  )

/** Names of the fields, optional ones with a question mark. */
function fieldsOf(schema: Readonly<Record<string, unknown>>): string {
  const { properties = {}, required = [] } = schema as {
    readonly properties?: object
    readonly required?: readonly string[]
  }
  return Object.keys(properties)
    .map((name) => (required.includes(name) ? name : `${name}?`))
    .join(' ')
}

export function statsText(answer: Stats, paint: Paint): string {
  const quantiles = (value: Stats['run_seconds']) =>
    value ? `p50 ${value.p50} s, p95 ${value.p95} s, p99 ${value.p99} s` : undefined
  const counts = (of: Readonly<Record<string, number>>) =>
    Object.entries(of)
      .filter(([, count]) => count > 0)
      .map(([status, count]) => `${count} ${status}`)
      .join(', ') || 'none'
  return factLines(
    [
      ['since', `${answer.since}${answer.is_partial ? ' (more tasks are open than were counted)' : ''}`],
      ['tasks', counts(answer.counts)],
      ['success', answer.success_rate === null ? undefined : `${(answer.success_rate * 100).toFixed(1)} %`],
      ['run time', quantiles(answer.run_seconds)],
      ['wait', quantiles(answer.wait_seconds)],
      ...Object.entries(answer.by_type).map(([type, of]) => [type, counts(of)] as const),
    ],
    paint,
  )
}

/** The stage's settings, and how this CLI reaches it. The key is never shown. */
async function showConf(session: Session): Promise<void> {
  const { api, target, paint } = session
  const [health, types, queues] = await Promise.all([
    api.json('getHealth'),
    api.json('listTaskTypes'),
    unlessMissingRoute(api.json('listQueues')),
  ])
  const conf = {
    base: target.base,
    from: target.source,
    key: target.key ? 'given' : 'none',
    app_name: health.app_name,
    version: health.version,
    paused_lanes: queues?.queues.filter((lane) => lane.is_paused).map(({ lane }) => lane) ?? null,
    task_types: types.task_types.map(({ name, lane, max_attempts, timeout_seconds }) => ({
      name,
      lane,
      max_attempts,
      timeout_seconds,
    })),
  }
  session.show(conf, () =>
    factLines(
      [
        ['base', `${conf.base} (${conf.from})`],
        ['key', conf.key],
        ['version', `${conf.app_name} ${conf.version}`],
        ['paused', conf.paused_lanes ? conf.paused_lanes.join(', ') || 'no lane' : undefined],
        ...conf.task_types.map(
          (type) =>
            [
              type.name,
              `lane ${type.lane}, ${type.max_attempts} tries of ${type.timeout_seconds} s`,
            ] as const,
        ),
      ],
      paint,
    ),
  )
}

import type { Task } from '../../domain/task.ts'
import type { ListFilter, OpenCounts, TaskPage } from '../../ports/task-store.ts'
import { countState, NewestFirstReader, readRunning } from './list.ts'
import { BATCH, readTasks } from './read-tasks.ts'
import { createdKey, keyOf } from './row.ts'
import type { Table } from './table.ts'

/** Most rows read for one page. A filter that matches few of them gives a short page with a cursor. */
const MAX_ROWS = 1_000

interface Reader {
  readonly table: Table
  readonly now: () => number
}

interface ListRequest {
  readonly tenant: string
  readonly filter: ListFilter
  readonly limit: number
  readonly cursor: string | undefined
}

export async function listTasks(reader: Reader, asked: ListRequest): Promise<TaskPage> {
  const { tenant, filter, limit, cursor } = asked
  if (filter.status === 'PROCESSING') return listRunning(reader, asked)
  const entries = new NewestFirstReader(reader.table, tenant, filter, cursor)
  const tasks: Task[] = []
  let looked = 0
  let last = cursor
  let most = limit + 1
  // The index may lag, and two statuses share a partition, so the rows themselves are checked.
  while (looked < MAX_ROWS) {
    const keys = await entries.next(most)
    most = Math.max(BATCH, most)
    if (keys.length === 0) return { tasks, ...(entries.position ? { cursor: entries.position } : {}) }
    looked += keys.length
    const found = await readNewest(reader, tenant, keys)
    for (const key of keys) {
      const task = found.get(key)
      const fits = task && (filter.status === undefined || task.status === filter.status)
      if (tasks.length === limit && (fits || filter.status === undefined))
        return { tasks, ...(last ? { cursor: last } : {}) }
      last = key
      if (fits && tasks.length < limit) tasks.push(task)
    }
  }
  return { tasks, ...(last ? { cursor: last } : {}) }
}

export async function countOpen({ table, now }: Reader, tenant: string): Promise<OpenCounts> {
  const [running, queued, scheduled, retrying] = await Promise.all([
    readRunning(table, tenant, now()),
    ...(['PENDING', 'SCHEDULED', 'RETRYING'] as const).map((status) => countState(table, tenant, status)),
  ])
  const found = {
    PROCESSING: running.length,
    // Pending and running tasks share a partition.
    PENDING: Math.max(0, (queued?.count ?? 0) - running.length),
    SCHEDULED: scheduled?.count ?? 0,
    RETRYING: retrying?.count ?? 0,
  }
  return {
    counts: Object.fromEntries(Object.entries(found).filter(([, count]) => count > 0)),
    isPartial: [queued, scheduled, retrying].some((one) => one?.isPartial),
  }
}

async function listRunning(
  { table, now }: Reader,
  { tenant, filter, limit, cursor }: ListRequest,
): Promise<TaskPage> {
  const { type, lane, tag, createdAfter = 0, createdBefore = Number.POSITIVE_INFINITY } = filter
  const keys = await readRunning(table, tenant, now())
  const fitting = (await readTasks(table, keys, now()))
    .filter(
      (task) =>
        task.status === 'PROCESSING' &&
        (type === undefined || task.type === type) &&
        (lane === undefined || task.lane === lane) &&
        (tag === undefined || task.tags.includes(tag)) &&
        task.createdAt >= createdAfter &&
        task.createdAt <= createdBefore,
    )
    .map((task) => ({ task, key: createdKey(task.createdAt, task.id) }))
    .filter(({ key }) => cursor === undefined || key < cursor)
    .toSorted((left, right) => (left.key < right.key ? 1 : -1))
  const page = fitting.slice(0, limit)
  const last = page.at(-1)
  return {
    tasks: page.map(({ task }) => task),
    ...(fitting.length > limit && last ? { cursor: last.key } : {}),
  }
}

async function readNewest(
  { table, now }: Reader,
  tenant: string,
  created: readonly string[],
): Promise<ReadonlyMap<string, Task>> {
  const tasks = await readTasks(
    table,
    created.map((key) => keyOf({ tenant, id: key.split('#')[1] ?? '' })),
    now(),
  )
  return new Map(tasks.map((task) => [createdKey(task.createdAt, task.id), task]))
}

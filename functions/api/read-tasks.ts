import { invalid } from '../core/application/submit/prepare-submission.ts'
import { awaitChange } from '../core/application/tasks/await-change.ts'
import { isFinal, type Status } from '../core/domain/task.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { TaskStore } from '../core/ports/task-store.ts'
import type { WaitPlaces } from '../core/ports/wait-places.ts'
import type { listTasksQuery } from './schemas/list.ts'

export interface ManyReader {
  readonly store: Pick<TaskStore, 'get' | 'readLeases'>
  readonly places: WaitPlaces
  readonly clock: Clock
}

interface TasksRequest {
  readonly tenant: string
  readonly ids: readonly string[]
  /** Seconds to wait until one of them has ended. */
  readonly wait: number
}

/** @returns the tasks in the order of their ids, without missing ones. */
export async function readTasks(reader: ManyReader, { tenant, ids, wait }: TasksRequest) {
  const keys = [...new Set(ids)].map((id) => ({ tenant, id }))
  const readStatuses = async () => (await reader.store.readLeases(keys)).map(({ status }) => status)
  const isEnough = (statuses: readonly Status[]) => statuses.length === 0 || statuses.some(isFinal)
  const { hasWaited } =
    wait > 0 ? await awaitChange(reader, wait, readStatuses, isEnough) : { hasWaited: true }
  const found = await Promise.all(keys.map((key) => reader.store.get(key)))
  return { tasks: found.filter((task) => task !== undefined), hasWaited }
}

/** @throws RequestError `invalid_request` for filters combined with ids, and for a wait without ids. */
export function checkListQuery(query: ReturnType<(typeof listTasksQuery)['parse']>): void {
  const { ids, wait, limit: _limit, ...filters } = query
  const others = Object.entries(filters).filter(([, value]) => value !== undefined)
  if (ids !== undefined && others.length > 0)
    throw invalid(
      others.map(([path]) => ({ path, message: 'cannot be combined with ids. Send only one of the two.' })),
    )
  if (ids === undefined && wait > 0)
    throw invalid([{ path: 'wait', message: 'needs ids, the tasks to wait for.' }])
}

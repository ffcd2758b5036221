import type { Status, Task } from '../../domain/task.ts'
import { type DueIndex, isDueTask } from '../../ports/due-index.ts'
import type { TaskStore } from '../../ports/task-store.ts'

/** Entries read per due shard. */
const ENTRIES_PER_SHARD = 100

const isUnderWay = (status: Status | undefined): boolean => status === 'PROCESSING' || status === 'RETRYING'

/**
 * Tasks of all tenants that run or wait for their next attempt, up to `limit`. Read from the due index, because the end of
 * a lease is a due time.
 */
export async function listRunning(
  { store, dueIndex }: { readonly store: TaskStore; readonly dueIndex: Pick<DueIndex, 'first'> },
  limit: number,
): Promise<readonly Task[]> {
  const entries = await Promise.all(
    (['timed', 'queued'] as const).map((kind) => dueIndex.first(kind, ENTRIES_PER_SHARD)),
  )
  const found = entries.flat().filter((entry) => isDueTask(entry) && isUnderWay(entry.status))
  const tasks = await Promise.all(found.slice(0, limit).map((entry) => store.get(entry)))
  return tasks.filter((task) => isUnderWay(task?.status)) as Task[]
}

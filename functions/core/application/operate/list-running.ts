import type { Status, Task } from '../../domain/task.ts'
import { isDueTask, type TaskStore } from '../../ports/task-store.ts'

/** Entries of each due shard that are looked at. */
const LOOKED_AT = 100

const isUnderWay = (status: Status | undefined): boolean => status === 'PROCESSING' || status === 'RETRYING'

/**
 * Tasks that run now or wait for their next attempt, all tenants together, up to `limit`. The due index knows them: a
 * lease is a due time.
 */
export async function listRunning(
  { store }: { readonly store: TaskStore },
  limit: number,
): Promise<readonly Task[]> {
  const found: Promise<Task | undefined>[] = []
  for (const kind of ['timed', 'queued'] as const)
    for await (const page of store.due(kind, Number.MAX_SAFE_INTEGER, LOOKED_AT))
      for (const { status, tenant, id } of page.filter(isDueTask))
        if (isUnderWay(status) && found.length < limit) found.push(store.get({ tenant, id }))
  const tasks = await Promise.all(found)
  return tasks.filter((task) => isUnderWay(task?.status)) as Task[]
}

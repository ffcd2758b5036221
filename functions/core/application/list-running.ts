import type { Task } from '../domain/task.ts'
import type { TaskStore } from '../ports/task-store.ts'

/** Entries of each due shard that are looked at. */
const LOOKED_AT = 100

/** Attempts that run now, all tenants together, up to `limit`. The due index knows them: a lease is a due time. */
export async function listRunning(
  { store }: { readonly store: TaskStore },
  limit: number,
): Promise<readonly Task[]> {
  const running: Promise<Task | undefined>[] = []
  for await (const page of store.due('timed', Number.MAX_SAFE_INTEGER, LOOKED_AT))
    for (const { status, tenant, id } of page)
      if (status === 'PROCESSING' && running.length < limit) running.push(store.get({ tenant, id }))
  const tasks = await Promise.all(running)
  return tasks.filter((task) => task?.status === 'PROCESSING') as Task[]
}

import { RequestError } from '../../domain/errors.ts'
import type { Task, TaskKey } from '../../domain/task.ts'
import type { TaskStore } from '../../ports/task-store.ts'

/** The same answer for an unknown id, an expired row and another tenant's task, so that callers cannot tell them apart. */
export const noSuchTask = (id: string): RequestError =>
  new RequestError(
    'not_found',
    `There is no task "${id}". It may have expired, or belong to another API key.`,
  )

/** @throws RequestError `not_found`. */
export async function getTask({ store }: { readonly store: TaskStore }, key: TaskKey): Promise<Task> {
  const task = await store.get(key)
  if (!task) throw noSuchTask(key.id)
  return task
}

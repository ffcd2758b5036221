import { RequestError, UnavailableError } from '../../domain/errors.ts'
import { isFinal, type Task, type TaskKey } from '../../domain/task.ts'
import { erase } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DataEraser, ObjectEraser } from '../../ports/data-eraser.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { getTask } from '../tasks/get-task.ts'

export interface EraseTaskNeeds {
  readonly store: TaskStore
  readonly rows: Pick<DataEraser, 'removeBeside'>
  readonly objects: ObjectEraser
  readonly clock: Pick<Clock, 'now'>
}

/**
 * Deletes the input and the result of a finished task. Its status and cost stay. The row is written first, so that no retry
 * can begin meanwhile. If the process stops after that, the same call deletes the rest.
 *
 * @throws RequestError `not_found`, or `wrong_state` for a task that is not finished.
 */
export async function eraseTask(
  { store, rows, objects, clock }: EraseTaskNeeds,
  key: TaskKey,
): Promise<Task> {
  const seen = await getTask({ store }, key)
  if (!isFinal(seen.status))
    throw new RequestError('wrong_state', `The task is ${seen.status}. Cancel it first, or wait for its end.`)
  const { changed, task } = await store.change(key, erase(seen, clock.now()))
  if (!changed || !task)
    throw new UnavailableError('What follows the end of this task is still under way. Try again in a minute.')
  await rows.removeBeside(key)
  while ((await objects.removeSome(key)) > 0);
  return task
}

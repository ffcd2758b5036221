import type { TaskKey } from '../../domain/task.ts'
import type { Transition } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ChangeResult, TaskStore } from '../../ports/task-store.ts'
import { retryUnavailable } from '../shared/retry-unavailable.ts'

/**
 * A write of one attempt that is repeated while the table does not answer. The first write may have landed and only its answer
 * was lost; then the row has the status that it writes, and this attempt's token, which no other writer has.
 */
export async function changeOwn(
  { store, clock }: { readonly store: TaskStore; readonly clock: Clock },
  key: TaskKey,
  token: string,
  transition: Transition,
): Promise<ChangeResult> {
  const written = await retryUnavailable(clock, () => store.change(key, transition))
  const { changed, task } = written
  return !changed && task?.token === token && task.status === transition.set.status
    ? { changed: true, task }
    : written
}

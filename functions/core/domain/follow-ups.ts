/**
 * The steps that must follow the end of a task. The write that ends the task lists them on its row and keeps the row due.
 * Each step is idempotent and is removed from the list when it is done; the sweeper repeats it until then.
 */
import type { Status, Task } from './task.ts'
import { endEventOf, mayHaveReceivers } from './webhook.ts'

/**
 * - `dead_letter`: the failure is put into the lane's dead-letter queue.
 * - `parent`: the end is reported to the workflow of the step.
 * - `webhook`: one delivery is created for each URL that receives the event.
 * - `release`: frees the task's place among its tenant's open tasks, and the part of its reservation that was not spent.
 * - `tally`: adds the end to its tenant's hour and day.
 * - `turn`: lets the next task of its `concurrency_key` run.
 */
export const FOLLOW_UPS = ['dead_letter', 'parent', 'webhook', 'release', 'tally', 'turn'] as const
export type FollowUp = (typeof FOLLOW_UPS)[number]

/** The steps for a task that ends with this status. Most tasks need none, and their end costs no further write. */
export const followUpsOf = (
  task: Pick<Task, 'parent' | 'webhook' | 'hasEndpoints' | 'held' | 'isTallied' | 'concurrencyKey'>,
  status: Status,
): readonly FollowUp[] => [
  ...(status === 'FAILED' ? (['dead_letter'] as const) : []),
  ...(task.parent ? (['parent'] as const) : []),
  ...(mayHaveReceivers(task, endEventOf(status)) ? (['webhook'] as const) : []),
  ...(task.held ? (['release'] as const) : []),
  ...(task.isTallied ? (['tally'] as const) : []),
  ...(task.concurrencyKey === undefined ? [] : (['turn'] as const)),
]

/** The steps that are not done. Rows of an earlier version have no list: a due one still needs its dead letter. */
export const pendingOf = (task: Task): readonly FollowUp[] =>
  task.pending ?? (task.status === 'FAILED' && task.dueAt !== undefined ? ['dead_letter'] : [])

/** Steps that must be done before the next epoch begins. The dead letter of an epoch that is over has no use. */
export const REQUIRED_BEFORE_RESTART: readonly FollowUp[] = FOLLOW_UPS.filter(
  (step) => step !== 'dead_letter',
)

/**
 * What must follow the end of a task. The ending write lists it on the row and leaves the row due; each step is
 * idempotent, is taken off the list when it is done, and is repaired by the sweeper until then.
 */
import type { Status, Task } from './task.ts'
import { endEventOf, isHeard } from './webhook.ts'

/**
 * `dead_letter`: the lane's dead-letter queue lists the failure. `parent`: the workflow learns of its step's end.
 * `webhook`: a delivery is made for each URL that is told of the end. `release`: its tenant
 * may have one more open task, and what it did not use of the money that was held for it. `tally`: its tenant's hour and day
 * have the end. `turn`: the next task of its `concurrency_key` may run.
 */
export const FOLLOW_UPS = ['dead_letter', 'parent', 'webhook', 'release', 'tally', 'turn'] as const
export type FollowUp = (typeof FOLLOW_UPS)[number]

/** What follows when a task ends with this status. Nothing, for most: then the end costs no further write. */
export const followUpsOf = (
  task: Pick<Task, 'parent' | 'webhook' | 'hasEndpoints' | 'held' | 'isTallied' | 'concurrencyKey'>,
  status: Status,
): readonly FollowUp[] => [
  ...(status === 'FAILED' ? (['dead_letter'] as const) : []),
  ...(task.parent ? (['parent'] as const) : []),
  ...(isHeard(task, endEventOf(status)) ? (['webhook'] as const) : []),
  ...(task.held ? (['release'] as const) : []),
  ...(task.isTallied ? (['tally'] as const) : []),
  ...(task.concurrencyKey === undefined ? [] : (['turn'] as const)),
]

/** What is still to be done. A row of an earlier version has no list: when it is due, its dead letter is missing. */
export const pendingOf = (task: Task): readonly FollowUp[] =>
  task.pending ?? (task.status === 'FAILED' && task.dueAt !== undefined ? ['dead_letter'] : [])

/** What must be done before the next epoch begins. The dead letter of an epoch that is over says nothing to anybody. */
export const OWED_BEFORE_RESTART: readonly FollowUp[] = FOLLOW_UPS.filter((step) => step !== 'dead_letter')

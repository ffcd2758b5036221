import type { Lane } from '../../../contract.ts'
import type { Task } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DeadLetters } from '../../ports/dead-letters.ts'
import type { Log } from '../../ports/log.ts'
import type { MessageSender } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { pruneDeadLetters } from '../repair/prune-dead-letters.ts'
import { enqueue } from '../shared/enqueue.ts'
import type { FollowUpSteps } from '../shared/follow-up.ts'
import { restartTask } from '../shared/restart-task.ts'
import { taskFields } from '../shared/task-fields.ts'

export interface RedriveDependencies {
  readonly store: TaskStore
  readonly queue: MessageSender & DeadLetters
  readonly clock: Clock
  readonly log: Log
  readonly followUps: FollowUpSteps
}

export interface RedriveRequest {
  readonly tenant: string
  readonly lane: Lane
  readonly type?: string
  readonly errorCode?: string
  readonly failedAfter?: number
  /** Not after the request itself, lest it start again what just failed again. */
  readonly failedBefore: number
  /** Only counts. */
  readonly isDryRun: boolean
  /** At most so many are started. */
  readonly limit: number
  /** Starts are spread so that no more than this many begin in a second; at most 900 s in all. */
  readonly pacePerSecond?: number
}

export interface Redriven {
  readonly matched: number
  readonly redriven: number
  /** Matched and not started: over the limit, or time ran out. Call again for them. */
  readonly remaining: number
  readonly byError: Readonly<Record<string, number>>
  readonly ids: readonly string[]
  /** False when time ran out before every failed task was looked at. */
  readonly isComplete: boolean
}

const PAGE = 100
const CONCURRENCY = 16
/** Ten letters each. */
const PRUNE_ROUNDS = 100

/**
 * Starts the next epoch of every failed task of a tenant's lane that fits the filter. The rows are asked, not the
 * dead-letter queue: a purged queue hides nothing, and a dry run moves nothing. Two operators at once start one epoch of
 * each task: the write is conditional on the epoch that was read, and `failedBefore` leaves alone what fails again.
 */
export async function redriveLane(
  dependencies: RedriveDependencies,
  request: RedriveRequest,
  stopAt: number,
): Promise<Redriven> {
  const { store, queue, clock, log } = dependencies
  const { tenant, lane, type, isDryRun, limit } = request
  const byError: Record<string, number> = {}
  const ids: string[] = []
  let matched = 0
  let given = 0
  let isComplete = true
  const startNow = clock.now()
  const redriveOne = async (task: Task): Promise<void> => {
    if (given >= limit) return
    const startAt = startNow + startDelayMs(given, request.pacePerSecond)
    given += 1
    if (await startAgain(dependencies, task, startAt)) ids.push(task.id)
  }
  let cursor: string | undefined
  do {
    const page = await store.list(tenant, { status: 'FAILED', lane, ...(type ? { type } : {}) }, PAGE, cursor)
    const found = page.tasks.filter((task) => task.status === 'FAILED' && fits(task, request))
    matched += found.length
    for (const { error } of found) {
      const code = error?.code ?? 'task_failed'
      byError[code] = (byError[code] ?? 0) + 1
    }
    for (let start = 0; start < found.length && !isDryRun; start += CONCURRENCY)
      await Promise.all(found.slice(start, start + CONCURRENCY).map(redriveOne))
    cursor = page.cursor
    if (clock.now() > stopAt) isComplete = cursor === undefined
  } while (cursor !== undefined && isComplete)
  if (!isDryRun && clock.now() < stopAt)
    await pruneDeadLetters({ store, queue, clock }, lane, PRUNE_ROUNDS, stopAt).catch(() => 0)
  log('lane.redriven', { tenant, lane, matched, redriven: ids.length, is_dry_run: isDryRun })
  const redriven = ids.length
  return { matched, redriven, remaining: matched - redriven, byError, ids, isComplete }
}

const startDelayMs = (index: number, pacePerSecond: number | undefined): number =>
  pacePerSecond === undefined ? 0 : Math.floor(index / pacePerSecond) * 1_000

function fits(
  { error, finishedAt = 0 }: Task,
  { errorCode, failedAfter, failedBefore }: RedriveRequest,
): boolean {
  return (
    (errorCode === undefined || error?.code === errorCode) &&
    (failedAfter === undefined || finishedAt >= failedAfter) &&
    finishedAt <= failedBefore
  )
}

/** Dying after the write loses nothing: the row is due, and the sweeper sends. */
async function startAgain(
  dependencies: RedriveDependencies,
  { tenant, id, epoch }: Task,
  startAt: number,
): Promise<boolean> {
  const key = { tenant, id }
  const { changed, task } = await restartTask(dependencies, key, { epoch, statuses: ['FAILED'], startAt })
  if (!changed || !task) return false
  await enqueue(dependencies, task, startAt)
  dependencies.log('task.restarted', taskFields(task))
  return true
}

import type { Lane } from '../../../contract.ts'
import { RequestError } from '../../domain/errors.ts'
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
import type { Admission } from '../submit/submit-task.ts'

export interface RedriveDependencies {
  readonly store: TaskStore
  readonly queue: MessageSender
  readonly deadLetters: DeadLetters
  readonly clock: Clock
  readonly log: Log
  readonly followUps: FollowUpSteps
  readonly admission?: Admission
}

export interface RedriveRequest {
  readonly tenant: string
  readonly lane: Lane
  readonly type?: string
  readonly errorCode?: string
  readonly failedAfter?: number
  /** Only tasks that failed before the request, so that a task that fails again is not restarted again. */
  readonly failedBefore: number
  readonly createdAfter?: number
  readonly createdBefore?: number
  /** Where an earlier call stopped. */
  readonly cursor?: string
  /** Count only, change nothing. */
  readonly isDryRun: boolean
  /** The most tasks to start. */
  readonly limit: number
  /** Spreads the starts so that at most this many begin per second; within 900 s. */
  readonly pacePerSecond?: number
}

export interface RedriveResult {
  readonly matched: number
  readonly redriven: number
  /** Matched but not started, because of the limit or the time. Another call starts them. */
  readonly remaining: number
  /** Started tasks, or in a dry run those that would start, by error code. */
  readonly byError: Readonly<Record<string, number>>
  readonly ids: readonly string[]
  /** False when the limit or the time was reached before every failed task was checked. */
  readonly isComplete: boolean
  /** Where the next call continues, after the tasks that this one started. Absent when none are left. */
  readonly cursor?: string
}

const PAGE = 100
const CONCURRENCY = 50
/** `remaining` is counted up to this number, so that a large backlog is not read in full for every thousand starts. */
const MAX_COUNTED = 1_000
/** Receives of ten messages each; continued while most of the received tasks have been restarted. */
const PRUNE_ROUNDS = 20

/**
 * Starts the next epoch of every failed task of a tenant's lane that matches the filter. It reads the rows, not the
 * dead-letter queue: a purged queue hides no failure, and a dry run changes nothing. Two operators at the same time start one
 * epoch per task: the write is conditional on the epoch that was read, and `failedBefore` excludes tasks that fail again.
 */
export async function redriveLane(
  dependencies: RedriveDependencies,
  request: RedriveRequest,
  stopAt: number,
): Promise<RedriveResult> {
  const { store, deadLetters, clock, log } = dependencies
  const { tenant, lane, type, createdAfter, createdBefore, isDryRun, limit } = request
  const filter = {
    status: 'FAILED' as const,
    lane,
    ...(type ? { type } : {}),
    ...(createdAfter === undefined ? {} : { createdAfter }),
    ...(createdBefore === undefined ? {} : { createdBefore }),
  }
  const byError: Record<string, number> = {}
  const ids: string[] = []
  let matched = 0
  let given = 0
  let refused: string | undefined
  const startNow = clock.now()
  const look = async (most: number, from: string | undefined) => {
    const page = await store.list(tenant, filter, most, from)
    const found = page.tasks.filter((task) => task.status === 'FAILED' && fits(task, request))
    matched += found.length
    return { found, next: page.cursor }
  }
  const redriveOne = async (task: Task, index: number): Promise<void> => {
    const startAt = startNow + startDelayMs(given + index, request.pacePerSecond)
    if (refused) return
    try {
      if (await startAgain(dependencies, task, startAt)) ids.push(task.id)
    } catch (error) {
      // The tenant's limits refuse it: it stays failed and counts as remaining.
      if (!(error instanceof RequestError)) throw error
      refused = error.code
    }
  }
  const hasTime = () => clock.now() <= stopAt
  let cursor = request.cursor
  let isMore = true
  // A page is never larger than the number of tasks that may still start, so that its cursor skips none.
  while (isMore && hasTime() && (isDryRun || given < limit)) {
    const { found, next } = await look(isDryRun ? PAGE : Math.min(PAGE, limit - given), cursor)
    if (!isDryRun) await eachOf(found, CONCURRENCY, redriveOne)
    given += found.length
    for (const { error } of found) {
      const code = error?.code ?? 'task_failed'
      byError[code] = (byError[code] ?? 0) + 1
    }
    // The next call starts with this page.
    if (refused) break
    isMore = next !== undefined
    cursor = next
  }
  let ahead = cursor
  for (let counted = 0; isMore && hasTime() && counted < MAX_COUNTED; counted += PAGE) {
    const { next } = await look(PAGE, ahead)
    isMore = next !== undefined
    ahead = next
  }
  if (!isDryRun && hasTime())
    await pruneDeadLetters({ store, deadLetters, clock }, lane, PRUNE_ROUNDS, stopAt).catch(() => 0)
  log('lane.redriven', {
    tenant,
    lane,
    matched,
    redriven: ids.length,
    is_dry_run: isDryRun,
    ...(refused ? { refused } : {}),
  })
  const redriven = ids.length
  const remaining = matched - redriven
  return { matched, redriven, remaining, byError, ids, isComplete: !isMore, ...(cursor ? { cursor } : {}) }
}

async function eachOf<Item>(
  items: readonly Item[],
  atOnce: number,
  act: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < items.length; start += atOnce)
    await Promise.all(items.slice(start, start + atOnce).map((item, n) => act(item, start + n)))
}

const startDelayMs = (index: number, pacePerSecond: number | undefined): number =>
  pacePerSecond === undefined ? 0 : Math.floor(index / pacePerSecond) * 1_000

function fits(
  { error, erasedAt, finishedAt = 0 }: Task,
  { errorCode, failedAfter, failedBefore }: RedriveRequest,
): boolean {
  return (
    erasedAt === undefined &&
    (errorCode === undefined || error?.code === errorCode) &&
    (failedAfter === undefined || finishedAt >= failedAfter) &&
    finishedAt <= failedBefore
  )
}

/** If the process stops after the write, the row is due and the sweeper sends the message. */
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

import { TIMING } from '../../../contract/timing.ts'
import { LANES, type Lane } from '../../../contract.ts'
import { BugError, causeFields } from '../../domain/errors.ts'
import { followUpsOf } from '../../domain/follow-ups.ts'
import { isSpent } from '../../domain/history.ts'
import { type ClaimWatermark, isLost } from '../../domain/overdue.ts'
import { type DueKind, isFinal, messageOf, type Task, type TaskKey } from '../../domain/task.ts'
import { expire, markResent, takeOver } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LaneStore } from '../../ports/lane-store.ts'
import type { Log } from '../../ports/log.ts'
import type { TaskQueue } from '../../ports/task-queue.ts'
import type { DueEntry, DueItem, TaskStore } from '../../ports/task-store.ts'
import { abandonment } from '../shared/abandonment.ts'
import { type FollowUpSteps, followUp } from '../shared/follow-up.ts'
import { retentionFrom } from '../shared/retention.ts'
import { taskFields } from '../shared/task-fields.ts'
import { pruneDeadLetters } from './prune-dead-letters.ts'

export interface SweepDependencies {
  readonly store: TaskStore
  readonly queue: TaskQueue
  readonly lanes: LaneStore
  readonly clock: Clock
  readonly log: Log
  readonly retentionDays: number
  readonly followUps: FollowUpSteps
  /** What to do with rows that are due and no tasks. Each is idempotent; a failure leaves the row due. */
  readonly dueItems: { readonly [Item in DueItem['item']]?: (key: TaskKey, dueAt: number) => Promise<void> }
}

/** Messages of one epoch that nobody took although their queue was empty: the worker cannot even load. */
const MAX_SENDS = 6
const CONCURRENCY = 16

export type Repair = 'sent' | 'resent' | 'taken_over' | 'crashed' | 'followed_up' | 'expired' | 'waiting'

/**
 * Repairs whatever is overdue: sends what was never queued or got lost, takes over expired leases, sends parked tasks
 * whose time comes, expires late ones, does what must still follow an end. Two sweepers at once do no harm: every write states
 * the due time it saw, and a message too many is a no-op.
 *
 * @returns how many rows each repair touched, `failed` for those the next sweep must try again.
 */
export async function sweep(
  dependencies: SweepDependencies,
  stopAt: number,
): Promise<Readonly<Record<Repair | 'items' | 'failed', number>>> {
  const { clock, log } = dependencies
  const counts = {
    sent: 0,
    resent: 0,
    taken_over: 0,
    crashed: 0,
    followed_up: 0,
    expired: 0,
    waiting: 0,
    items: 0,
    failed: 0,
  }
  const lanes = new LaneSnapshot(dependencies)
  // Before anything is sent: what the sweep itself sends would make an empty lane look busy, and its lost wait longer.
  await lanes.look()
  const begunAt = clock.now()
  const oldest = new Map<Lane, number>()
  const repairItem = async (entry: DueItem): Promise<void> => {
    const { item, tenant, id } = entry
    try {
      const act = dependencies.dueItems[item]
      if (!act) throw new BugError(`Nothing here knows what to do with a ${item} that is due.`)
      await act({ tenant, id }, entry.dueAt)
      counts.items += 1
    } catch (error) {
      counts.failed += 1
      log('sweep.failed', { tenant, item, id, ...causeFields(error) })
    }
  }
  const repair = async (due: DueEntry | DueItem): Promise<void> => {
    if (due.item !== 'task') return repairItem(due)
    const entry = due
    oldest.set(entry.lane, Math.min(entry.dueAt, oldest.get(entry.lane) ?? begunAt))
    try {
      const task = await lookAt(dependencies, lanes, entry)
      if (task === undefined) return
      const done = task === 'waiting' ? task : await repairOne(dependencies, lanes, entry, task)
      if (done) counts[done] += 1
      // A follow-up is logged where it is done.
      if (task !== 'waiting' && done && done !== 'waiting' && done !== 'followed_up')
        log(`task.${done}`, {
          ...taskFields(task),
          ...(done === 'crashed' ? { code: 'worker_crashed' } : {}),
        })
    } catch (error) {
      counts.failed += 1
      log('sweep.failed', { tenant: entry.tenant, task_id: entry.id, ...causeFields(error) })
    }
  }
  // Clocks first: a lease must not wait behind a long look at a backlog.
  for (const kind of ['timed', 'queued'] as const)
    await walk(dependencies, kind, stopAt, (page) => Promise.all(page.map(repair)))
  // What waits because somebody paused its lane is not overdue; the age of the queue itself tells of a forgotten pause.
  const paused = await lanes.paused().catch(() => new Map())
  for (const lane of LANES) {
    const overdueMs = paused.has(lane) ? 0 : Math.max(0, begunAt - (oldest.get(lane) ?? begunAt))
    log('lane.swept', { lane, oldest_due_seconds: Math.round(overdueMs / 1_000) })
  }
  if (clock.now() <= stopAt) await Promise.all(LANES.map((lane) => pruneLane(dependencies, lane)))
  return counts
}

/** Walks through what is due, some entries side by side, until the time is over. */
async function walk(
  { store, clock }: SweepDependencies,
  kind: DueKind,
  stopAt: number,
  act: (entries: readonly (DueEntry | DueItem)[]) => Promise<unknown>,
): Promise<void> {
  if (clock.now() > stopAt) return
  const upTo = clock.now() + (kind === 'timed' ? TIMING.lookAheadMs : 0)
  for await (const page of store.due(kind, upTo)) {
    for (let start = 0; start < page.length; start += CONCURRENCY)
      await act(page.slice(start, start + CONCURRENCY))
    if (clock.now() > stopAt) return
  }
}

/** Ten letters each: a lane's thousand is walked through in half an hour. */
const PRUNE_ROUNDS = 3

async function pruneLane({ store, queue, log }: SweepDependencies, lane: Lane): Promise<void> {
  try {
    if ((await queue.deadDepth(lane)) === 0) return
    const deleted = await pruneDeadLetters({ store, queue }, lane, PRUNE_ROUNDS)
    if (deleted > 0) log('dead_letters.tidied', { lane, deleted })
  } catch (error) {
    log('sweep.failed', { lane, ...causeFields(error) })
  }
}

/** What is known about each lane, asked once per sweep. */
class LaneSnapshot {
  readonly #dependencies: SweepDependencies
  readonly #visible = new Map<Lane, number>()
  readonly #watermarks = new Map<Lane, Promise<readonly ClaimWatermark[]>>()
  #paused: Promise<ReadonlyMap<Lane, number>> | undefined

  constructor(dependencies: SweepDependencies) {
    this.#dependencies = dependencies
  }

  /** Notes how much waits in each lane. A queue that does not answer is taken for a busy one. */
  async look(): Promise<void> {
    const { queue, log } = this.#dependencies
    const lookAt = async (lane: Lane) => {
      try {
        this.#visible.set(lane, (await queue.depth(lane)).visible)
      } catch (error) {
        log('sweep.failed', { lane, ...causeFields(error) })
      }
    }
    await Promise.all(LANES.map(lookAt))
  }

  paused(): Promise<ReadonlyMap<Lane, number>> {
    this.#paused ??= this.#dependencies.lanes.paused()
    return this.#paused
  }

  /** Tells a lost message from one that waits; into a paused lane nothing is sent, whatever became of its messages. */
  async isLost(row: { tenant: string; queuedAt: number; lane: Lane }, now: number): Promise<boolean> {
    if ((await this.paused()).has(row.lane)) return false
    const visible = this.#visible.get(row.lane)
    return visible === undefined ? false : isLost(row, visible, await this.#marksOf(row.lane), now)
  }

  #marksOf(lane: Lane): Promise<readonly ClaimWatermark[]> {
    const known = this.#watermarks.get(lane)
    if (known) return known
    const asked = this.#dependencies.store.readWatermarks(lane)
    this.#watermarks.set(lane, asked)
    return asked
  }
}

/** @returns the task that may need repair, `waiting` for one of a healthy backlog, undefined when it moved on. */
async function lookAt(
  { store, clock }: SweepDependencies,
  lanes: LaneSnapshot,
  entry: DueEntry,
): Promise<Task | 'waiting' | undefined> {
  const now = clock.now()
  const isStartTooLate = entry.startBy !== undefined && entry.startBy <= now
  // The index alone decides about a healthy backlog: 100,000 waiting rows cost no read and no write each.
  if (entry.status === 'PENDING' && entry.dueAt <= now && entry.sends > 0 && !isStartTooLate) {
    if (!(await lanes.isLost(entry, now))) return 'waiting'
  }
  if (entry.status === 'PROCESSING' && entry.dueAt > now) return undefined

  const task = await store.get(entry)
  return task?.dueAt === entry.dueAt && task.epoch === entry.epoch ? task : undefined
}

async function repairOne(
  dependencies: SweepDependencies,
  lanes: LaneSnapshot,
  entry: DueEntry,
  task: Task,
): Promise<Repair | undefined> {
  const { store, queue, clock } = dependencies
  const now = clock.now()
  if (isFinal(task.status)) {
    if (entry.dueAt > now) return undefined
    const left = await followUp(dependencies, task)
    return left.length ? undefined : 'followed_up'
  }
  if (
    task.startBy !== undefined &&
    task.startBy <= now &&
    (task.status === 'PENDING' || task.status === 'SCHEDULED')
  )
    return expireOne(dependencies, task, now)

  switch (task.status) {
    case 'SCHEDULED':
    case 'PENDING':
    case 'RETRYING':
      return resend(dependencies, lanes, task, now)
    case 'PROCESSING': {
      if (isSpent(task)) return abandon(dependencies, task, now)
      const taken = await store.change(task, takeOver(task, now))
      if (!taken.changed) return undefined
      await queue.send(task.lane, messageOf(task))
      return 'taken_over'
    }
    default:
      return undefined
  }
}

async function expireOne(
  dependencies: SweepDependencies,
  task: Task,
  now: number,
): Promise<Repair | undefined> {
  const { store, retentionDays } = dependencies
  const end = { retention: retentionFrom(now, retentionDays, task), pending: followUpsOf(task, 'EXPIRED') }
  const expired = await store.change(task, expire(task, now, end))
  if (!expired.changed || !expired.task) return undefined
  await followUp(dependencies, expired.task)
  return 'expired'
}

async function resend(
  dependencies: SweepDependencies,
  lanes: LaneSnapshot,
  task: Task,
  now: number,
): Promise<Repair | undefined> {
  const { store, queue } = dependencies
  const isParked = task.dueKind === 'timed'
  if (!isParked) {
    if ((task.dueAt ?? now) > now) return undefined
    if (!(await lanes.isLost(task, now))) return 'waiting'
    if (task.sends >= MAX_SENDS) return abandon(dependencies, task, now)
  }
  // Send, then write: dying between the two costs a duplicate, which is a no-op; the other way round would cost a
  // minute of the task's time.
  const queuedAt = Math.max(now, task.claimableFrom)
  await queue.send(task.lane, messageOf(task), Math.min(900, Math.ceil((queuedAt - now) / 1_000)))
  await store.change(task, markResent(task, queuedAt, now))
  return isParked ? 'sent' : 'resent'
}

async function abandon(
  dependencies: SweepDependencies,
  task: Task,
  now: number,
): Promise<Repair | undefined> {
  const { store, retentionDays } = dependencies
  const failed = await store.change(task, abandonment(task, now, retentionDays))
  if (!failed.changed || !failed.task) return undefined
  await followUp(dependencies, failed.task)
  return 'crashed'
}

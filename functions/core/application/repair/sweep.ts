import { TIMING } from '../../../contract/timing.ts'
import { LANES, type Lane } from '../../../contract.ts'
import { BugError, causeFields } from '../../domain/errors.ts'
import type { DueKind, TaskKey } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DeadLetters } from '../../ports/dead-letters.ts'
import { type DueEntry, type DueIndex, type DueItem, type DuePart, isDueTask } from '../../ports/due-index.ts'
import type { Log } from '../../ports/log.ts'
import type { StepStore } from '../../ports/step-store.ts'
import type { MessageSender, QueueDepths } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import type { FollowUpSteps } from '../shared/follow-up.ts'
import { LaneSnapshot, type LaneSnapshotDependencies } from './lane-snapshot.ts'
import { pruneDeadLetters } from './prune-dead-letters.ts'
import { type Repair, repairTasks } from './repair-tasks.ts'

export interface SweepDependencies extends LaneSnapshotDependencies {
  readonly store: TaskStore
  readonly dueIndex: Pick<DueIndex, 'shards'>
  readonly queue: MessageSender
  readonly depths: QueueDepths
  readonly deadLetters: DeadLetters
  readonly clock: Clock
  readonly log: Log
  readonly retentionDays: number
  readonly steps: Pick<StepStore, 'list'>
  readonly followUps: FollowUpSteps
  /** What to do with rows that are due and no tasks. Each is idempotent; a failure leaves the row due. */
  readonly dueItems: { readonly [Item in DueItem['item']]?: (key: TaskKey, dueAt: number) => Promise<void> }
}

const ALONE: DuePart = { index: 0, of: 1 }
/** Entries whose rows are read in one call. */
const BLOCK = 100
/** Shards that one sweeper reads at once: while one waits for its writes, the other reads. */
const SHARDS_AT_ONCE = 2

export type SweepCounts = Readonly<Record<Repair | 'items' | 'failed', number>>

/**
 * Repairs whatever is overdue: sends what was never queued or got lost, takes over expired leases, sends parked tasks
 * whose time comes, expires late ones, does what must still follow an end. Two sweepers at once do no harm: every write states
 * the due time it saw, and a message too many is a no-op. So several sweep side by side, each its part of the shards.
 *
 * @returns how many rows each repair touched, `failed` for those the next sweep must try again.
 */
export async function sweep(
  dependencies: SweepDependencies,
  stopAt: number,
  part: DuePart = ALONE,
): Promise<SweepCounts> {
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
  const count = (what: keyof typeof counts) => {
    counts[what] += 1
  }
  const lanes = new LaneSnapshot(dependencies)
  const begunAt = clock.now()
  const oldest = new Map<Lane, number>()
  const repair = async (entries: readonly (DueEntry | DueItem)[]) => {
    // Before anything is sent: what the sweep itself sends would make an empty lane look busy, and its lost wait longer.
    await lanes.look()
    const tasks = entries.filter(isDueTask)
    for (const { lane, dueAt } of tasks) oldest.set(lane, Math.min(dueAt, oldest.get(lane) ?? begunAt))
    const items = entries.filter((entry): entry is DueItem => !isDueTask(entry))
    await Promise.all([
      repairTasks(dependencies, lanes, tasks, count),
      ...items.map(async (item) => count(await repairItem(dependencies, item))),
    ])
  }
  // Clocks first: a lease must not wait behind a long look at a backlog.
  for (const kind of ['timed', 'queued'] as const) await walk(dependencies, kind, part, stopAt, repair)
  // What waits because somebody paused its lane is not overdue; the age of the queue itself tells of a forgotten pause.
  const paused = oldest.size > 0 ? await lanes.paused().catch(() => new Map()) : new Map()
  for (const lane of LANES) {
    const overdueMs = paused.has(lane) ? 0 : Math.max(0, begunAt - (oldest.get(lane) ?? begunAt))
    log('lane.swept', { lane, oldest_due_seconds: Math.round(overdueMs / 1_000) })
  }
  if (part.index === 0 && clock.now() <= stopAt)
    await Promise.all(LANES.map((lane) => pruneLane(dependencies, lane, stopAt)))
  return counts
}

/** Goes through what is due, some shards side by side, until the time is over; each minute another shard is the first. */
async function walk(
  { dueIndex, clock }: SweepDependencies,
  kind: DueKind,
  part: DuePart,
  stopAt: number,
  act: (entries: readonly (DueEntry | DueItem)[]) => Promise<void>,
): Promise<void> {
  const now = clock.now()
  const shards = dueIndex.shards(kind, now + (kind === 'timed' ? TIMING.lookAheadMs : 0), part)
  const first = shards.length > 0 ? Math.floor(now / TIMING.sweepMs) % shards.length : 0
  const turn = [...shards.slice(first), ...shards.slice(0, first)][Symbol.iterator]()
  const walkSome = async () => {
    for (const pages of turn)
      for await (const page of pages)
        for (let start = 0; start < page.length; start += BLOCK) {
          if (clock.now() > stopAt) return
          await act(page.slice(start, start + BLOCK))
        }
  }
  if (now <= stopAt) await Promise.all(Array.from({ length: SHARDS_AT_ONCE }, walkSome))
}

async function repairItem(
  { dueItems, log }: SweepDependencies,
  { item, tenant, id, dueAt }: DueItem,
): Promise<'items' | 'failed'> {
  try {
    const act = dueItems[item]
    if (!act) throw new BugError(`Nothing here knows what to do with a ${item} that is due.`)
    await act({ tenant, id }, dueAt)
    return 'items'
  } catch (error) {
    log('sweep.failed', { tenant, item, id, ...causeFields(error) })
    return 'failed'
  }
}

/** Ten messages each, and more while most of them have moved on. */
const PRUNE_ROUNDS = 3

async function pruneLane(
  { store, deadLetters, log, clock }: SweepDependencies,
  lane: Lane,
  stopAt: number,
): Promise<void> {
  try {
    if ((await deadLetters.deadDepth(lane)) === 0) return
    const deleted = await pruneDeadLetters({ store, deadLetters, clock }, lane, PRUNE_ROUNDS, stopAt)
    if (deleted > 0) log('dead_letters.pruned', { lane, deleted })
  } catch (error) {
    log('sweep.failed', { lane, ...causeFields(error) })
  }
}

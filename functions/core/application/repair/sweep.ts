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
  /** Handlers of due rows that are not tasks. Each is idempotent; after a failure the row stays due. */
  readonly dueItems: { readonly [Item in DueItem['item']]?: (key: TaskKey, dueAt: number) => Promise<void> }
}

const ALONE: DuePart = { index: 0, of: 1 }
/** Entries whose rows are read in one call. */
const BLOCK = 100
/** Shards that one sweeper processes concurrently: one is read while the other waits for its writes. */
const SHARD_CONCURRENCY = 2

export type SweepCounts = Readonly<Record<Repair | 'items' | 'failed', number>>

/**
 * Repairs every overdue row: sends messages that were never sent or are lost, takes over expired leases, sends parked tasks
 * whose time has come, expires late ones, and does pending follow-ups. Two sweepers at once are safe: every write is
 * conditional on the due time that was read, and a duplicate message has no effect. So several sweepers run at the same time,
 * each on its part of the shards.
 *
 * @returns the number of rows per repair; `failed` for those the next sweep must try again.
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
    // Before any message is sent: the sweep's own messages would make an empty lane look busy and delay the detection of a loss.
    await lanes.look()
    const tasks = entries.filter(isDueTask)
    for (const { lane, dueAt } of tasks) oldest.set(lane, Math.min(dueAt, oldest.get(lane) ?? begunAt))
    const items = entries.filter((entry): entry is DueItem => !isDueTask(entry))
    await Promise.all([
      repairTasks(dependencies, lanes, tasks, count),
      ...items.map(async (item) => count(await repairItem(dependencies, item))),
    ])
  }
  // `timed` first, so that expired leases do not wait behind a long scan of a backlog.
  for (const kind of ['timed', 'queued'] as const) await walk(dependencies, kind, part, stopAt, repair)
  // A row that waits in a paused lane is not overdue; the age metric of the queue shows a forgotten pause.
  const paused = oldest.size > 0 ? await lanes.paused().catch(() => new Map()) : new Map()
  for (const lane of LANES) {
    const overdueMs = paused.has(lane) ? 0 : Math.max(0, begunAt - (oldest.get(lane) ?? begunAt))
    log('lane.swept', { lane, oldest_due_seconds: Math.round(overdueMs / 1_000) })
  }
  if (part.index === 0 && clock.now() <= stopAt)
    await Promise.all(LANES.map((lane) => pruneLane(dependencies, lane, stopAt)))
  return counts
}

/** Processes due entries, some shards concurrently, until the time is over. Each minute another shard is the first. */
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
  if (now <= stopAt) await Promise.all(Array.from({ length: SHARD_CONCURRENCY }, walkSome))
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

/** Receives of ten messages each; continued while most of the received tasks are no longer failed. */
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

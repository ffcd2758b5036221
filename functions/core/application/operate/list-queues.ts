import { LANES, type Lane } from '../../../contract.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DeadLetters } from '../../ports/dead-letters.ts'
import { type DueIndex, isDueTask } from '../../ports/due-index.ts'
import type { LaneStore } from '../../ports/lane-store.ts'
import type { QueueDepth, QueueDepths } from '../../ports/task-queue.ts'
import type { SlotCount, WorkerSlots } from '../../ports/worker-slots.ts'

export interface ListQueuesDependencies {
  readonly dueIndex: Pick<DueIndex, 'first'>
  readonly depths: QueueDepths
  readonly deadLetters: Pick<DeadLetters, 'deadDepth'>
  readonly lanes: LaneStore
  readonly workerSlots: WorkerSlots
  readonly clock: Clock
}

export interface LaneStatus extends QueueDepth {
  readonly lane: Lane
  readonly deadLetters: number
  /** Waiting time of the oldest waiting task; undefined when none waits. */
  readonly oldestMs: number | undefined
  readonly pausedSince: number | undefined
  /** Slots of workers that have run for five seconds or longer. */
  readonly slots: SlotCount
}

/** Entries read per due shard to find the oldest. */
const ENTRIES_PER_SHARD = 200

/** The number of waiting and running tasks per lane, of all tenants. Queue counts are up to a minute old. */
export async function listQueues({
  dueIndex,
  depths,
  deadLetters,
  lanes,
  workerSlots,
  clock,
}: ListQueuesDependencies): Promise<readonly LaneStatus[]> {
  const now = clock.now()
  const [paused, oldest, slots, waiting] = await Promise.all([
    lanes.paused(),
    oldestByLane(dueIndex, now),
    workerSlots.read(now),
    Promise.all(LANES.map((lane) => Promise.all([depths.depth(lane), deadLetters.deadDepth(lane)]))),
  ])
  return LANES.map((lane, index) => {
    const [depth, dead] = waiting[index] ?? [{ visible: 0, inFlight: 0, delayed: 0 }, 0]
    const since = oldest.get(lane)
    return {
      lane,
      ...depth,
      deadLetters: dead,
      oldestMs: since === undefined ? undefined : now - since,
      pausedSince: paused.get(lane),
      slots: slots.get(lane) ?? { used: 0, paid: 0 },
    }
  })
}

/** Lane → `queuedAt` of its oldest waiting row. SQS publishes this age only in CloudWatch, a minute late. */
async function oldestByLane(
  dueIndex: Pick<DueIndex, 'first'>,
  now: number,
): Promise<ReadonlyMap<Lane, number>> {
  const oldest = new Map<Lane, number>()
  const entries = await dueIndex.first('queued', ENTRIES_PER_SHARD)
  for (const { lane, queuedAt } of entries.filter(isDueTask))
    if (queuedAt <= now && queuedAt < (oldest.get(lane) ?? Number.POSITIVE_INFINITY))
      oldest.set(lane, queuedAt)
  return oldest
}

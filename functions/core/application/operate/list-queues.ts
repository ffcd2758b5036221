import { LANES, type Lane } from '../../../contract.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LaneStore } from '../../ports/lane-store.ts'
import type { QueueDepth, TaskQueue } from '../../ports/task-queue.ts'
import { isDueTask, type TaskStore } from '../../ports/task-store.ts'
import type { SlotCount, WorkerSlots } from '../../ports/worker-slots.ts'

export interface ListQueuesDependencies {
  readonly store: TaskStore
  readonly queue: TaskQueue
  readonly lanes: LaneStore
  readonly workerSlots: WorkerSlots
  readonly clock: Clock
}

export interface LaneStatus extends QueueDepth {
  readonly lane: Lane
  readonly deadLetters: number
  /** How long the longest waiting task has waited; undefined when none waits. */
  readonly oldestMs: number | undefined
  readonly pausedSince: number | undefined
  /** Of the workers that run for five seconds or longer. */
  readonly slots: SlotCount
}

/** Entries of each due shard that are looked at for the oldest. */
const LOOKED_AT = 200

/** What waits in every lane, all tenants together. The queues' numbers lag by up to a minute. */
export async function listQueues({
  store,
  queue,
  lanes,
  workerSlots,
  clock,
}: ListQueuesDependencies): Promise<readonly LaneStatus[]> {
  const now = clock.now()
  const [paused, oldest, slots, depths] = await Promise.all([
    lanes.paused(),
    oldestByLane(store, now),
    workerSlots.read(now),
    Promise.all(LANES.map((lane) => Promise.all([queue.depth(lane), queue.deadDepth(lane)]))),
  ])
  return LANES.map((lane, index) => {
    const [depth, deadLetters] = depths[index] ?? [{ visible: 0, inFlight: 0, delayed: 0 }, 0]
    const since = oldest.get(lane)
    return {
      lane,
      ...depth,
      deadLetters,
      oldestMs: since === undefined ? undefined : now - since,
      pausedSince: paused.get(lane),
      slots: slots.get(lane) ?? { used: 0, paid: 0 },
    }
  })
}

/** Lane → `queuedAt` of the row that waits longest. SQS has that age in CloudWatch only, a minute late. */
async function oldestByLane(store: TaskStore, now: number): Promise<ReadonlyMap<Lane, number>> {
  const oldest = new Map<Lane, number>()
  for await (const page of store.due('queued', Number.MAX_SAFE_INTEGER, LOOKED_AT))
    for (const { lane, queuedAt } of page.filter(isDueTask))
      if (queuedAt <= now && queuedAt < (oldest.get(lane) ?? Number.POSITIVE_INFINITY))
        oldest.set(lane, queuedAt)
  return oldest
}

import { ATTEMPT, TIMING } from '../../../contract/timing.ts'
import type { Lane } from '../../../contract.ts'
import { causeFields } from '../../domain/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { MessageDeliveries } from '../../ports/task-queue.ts'
import type { WorkerSlots } from '../../ports/worker-slots.ts'
import type { Delivery } from './run-task.ts'

export interface RefillDependencies {
  readonly lane: Lane
  readonly deliveries: MessageDeliveries
  readonly clock: Clock
  readonly log: Log
  readonly workerSlots: WorkerSlots
  /** Tasks that one invocation runs side by side. With one there is never a free slot beside a running task. */
  readonly slots: number
  /** The longest that an attempt of this lane may take. */
  readonly longestAttemptMs: number
  /** Whether the lane is to run: a paused one takes no more work. */
  readonly isMeantToRun: () => Promise<boolean>
}

interface Invocation {
  readonly deadline: number
  /** Runs of deliveries that have not ended. */
  readonly active: ReadonlySet<Promise<void>>
  /** A suspect runs alone, or waits to. */
  readonly isIsolating: () => boolean
  readonly start: (delivery: Delivery) => void
  /** Deletes what is done, in batches. */
  readonly flush: () => Promise<void>
}

/**
 * One long poll. Short, because an invocation whose last task ends waits for it and is paid meanwhile; and below the limit
 * of a call. At $0.40 per million requests two seconds cost 0.2 cents per hour of a busy worker.
 */
const POLL_SECONDS = 2
/** What ends sooner has no slot to share: its invocation would be paid for a poll of two seconds, many times its own. */
const BEGIN_AFTER_MS = 250
/** How old the knowledge of a pause may be. */
const PAUSE_CHECK_MS = 5_000

/**
 * Gives free slots to further messages of the lane while the invocation runs at least one task. It is paid for anyway: a
 * slow trickle fills one slot of ten otherwise, and a batch waits for its longest task.
 *
 * Never a worker that is always on: it ends with the last running task, with the time for one whole attempt, and with a
 * pause of the lane. A receive is never cancelled, since the queue may have handed out a message to it already.
 *
 * @returns how many messages it took.
 */
export async function refill(
  { lane, deliveries, clock, log, slots, longestAttemptMs, isMeantToRun }: RefillDependencies,
  { deadline, active, isIsolating, start, flush }: Invocation,
): Promise<number> {
  let taken = 0
  let checkedAt = Number.NEGATIVE_INFINITY
  const hasTime = () => clock.now() + POLL_SECONDS * 1_000 + longestAttemptMs + ATTEMPT.reserveMs <= deadline
  if (slots < 2) return 0
  await Promise.race([Promise.all(active), clock.sleep(BEGIN_AFTER_MS)])
  while (active.size > 0 && hasTime()) {
    if (active.size >= slots || isIsolating()) {
      await Promise.race([...active, clock.sleep(POLL_SECONDS * 1_000)])
      await flush()
      continue
    }
    try {
      if (clock.now() - checkedAt >= PAUSE_CHECK_MS) {
        if (!(await isMeantToRun())) break
        checkedAt = clock.now()
      }
      const most = Math.min(slots - active.size, 10)
      const received = await deliveries.receiveMore(lane, most, POLL_SECONDS, TIMING.visibilitySeconds)
      const unreadable: string[] = []
      for (const { message, receipt, receives } of received)
        if (message) {
          taken += 1
          start({ message, receipt, receives })
        } else {
          // Not ours to drop: it goes to the dead-letter queue by its receive count.
          log('message.unreadable', { lane })
          unreadable.push(receipt)
        }
      if (unreadable.length)
        await deliveries.changeVisibilityOfAll(lane, unreadable, TIMING.unreadableSeconds)
    } catch (error) {
      log('refill.failed', { lane, ...causeFields(error) })
      await clock.sleep(POLL_SECONDS * 1_000)
    }
    await flush()
  }
  return taken
}

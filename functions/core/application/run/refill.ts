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
  /** Tasks that one invocation runs concurrently. With 1 there is never a free slot beside a running task. */
  readonly slots: number
  /** The longest time limit of an attempt in this lane. */
  readonly maxAttemptMs: number
  /** Whether the lane takes work; false while it is paused. */
  readonly acceptsWork: () => Promise<boolean>
}

interface Invocation {
  readonly deadline: number
  /** Deliveries that are being processed. */
  readonly active: ReadonlySet<Promise<void>>
  /** Whether a suspect task runs alone, or waits to. */
  readonly isIsolating: () => boolean
  readonly start: (delivery: Delivery) => void
  /** Deletes finished messages, in batches. */
  readonly flush: () => Promise<void>
}

/**
 * Length of a long poll. Short, because an invocation whose last task ends waits for it and is paid meanwhile, and because it
 * must stay below the timeout of a call. At $0.40 per million requests it costs 0.2 cents per hour of a busy worker.
 */
const POLL_SECONDS = 2
/** No refill for shorter invocations: a poll of two seconds would cost many times the invocation itself. */
const BEGIN_AFTER_MS = 250
/** Maximum age of the cached pause state. */
const PAUSE_CHECK_MS = 5_000

/**
 * Receives further messages into free slots while the invocation runs at least one task. The invocation is paid for anyway:
 * without it, few messages fill one slot of ten, and a batch waits for its longest task.
 *
 * A worker never runs permanently this way: receiving ends with the last running task, when too little time for one whole
 * attempt is left, and when the lane is paused. A receive is never cancelled, because the queue may already have delivered a
 * message to it.
 *
 * @returns the number of messages received.
 */
export async function refill(
  { lane, deliveries, clock, log, slots, maxAttemptMs, acceptsWork }: RefillDependencies,
  { deadline, active, isIsolating, start, flush }: Invocation,
): Promise<number> {
  let taken = 0
  let checkedAt = Number.NEGATIVE_INFINITY
  const hasTime = () => clock.now() + POLL_SECONDS * 1_000 + maxAttemptMs + ATTEMPT.reserveMs <= deadline
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
        if (!(await acceptsWork())) break
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
          // Not deleted: after enough receives SQS moves it to the dead-letter queue.
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

import { type Lane, LIMITS } from '../../../contract.ts'
import { followUpsOf } from '../../domain/follow-ups.ts'
import { hasNoAttemptLeft } from '../../domain/history.ts'
import { isFinal, messageEpoch, type Task } from '../../domain/task.ts'
import { expire } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { ModelProviders } from '../../ports/model-provider.ts'
import type { StepStore } from '../../ports/step-store.ts'
import type { MessageDeliveries } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { abandonment } from '../shared/abandonment.ts'
import { type FollowUpSteps, followUp } from '../shared/follow-up.ts'
import { retentionFrom } from '../shared/retention.ts'
import { taskFields } from '../shared/task-fields.ts'
import { cancelCalls } from './open-calls.ts'
import type { Delivery } from './run-task.ts'

interface Dependencies {
  readonly lane: Lane
  readonly store: TaskStore
  readonly deliveries: MessageDeliveries
  readonly clock: Clock
  readonly log: Log
  readonly retentionDays: number
  readonly steps: Pick<StepStore, 'list'>
  readonly followUps: FollowUpSteps
  readonly providers: ModelProviders
}

/** The least delay of a message whose row cannot be claimed now. */
const RACE_SECONDS = 2

/**
 * Decides what happens to a message whose task could not be claimed.
 *
 * Deleted: no row, a final row, an older epoch, a parked row (the sweeper sends a new message in time). Kept until the row can
 * be claimed: a live lease, or a wait that this message is to end; it may be the only copy.
 */
export async function refuseDelivery(
  dependencies: Dependencies,
  { message, receipt }: Delivery,
  task: Task | undefined,
  shrunk: Promise<void>,
): Promise<'done' | 'again'> {
  const { lane, store, deliveries, clock, log, retentionDays } = dependencies
  const now = clock.now()
  if (!task || isFinal(task.status) || task.epoch > messageEpoch(message)) {
    // The canceller has no provider keys. The worker that ran it is gone or cancels the same calls, which is harmless.
    if (task?.status === 'CANCELLED') await cancelCalls(dependencies, task, task.calls ?? [])
    return 'done'
  }
  if (task.startBy !== undefined && task.startBy <= now) {
    const end = { retention: retentionFrom(now, retentionDays, task), pending: followUpsOf(task, 'EXPIRED') }
    const expired = await store.change(task, expire(task, now, end))
    if (expired.changed && expired.task) {
      log('task.expired', taskFields(task))
      await followUp(dependencies, expired.task)
      return 'done'
    }
  }
  if (hasNoAttemptLeft(task) && task.claimableFrom <= now && task.status === 'PROCESSING') {
    const failed = await store.change(task, await abandonment(dependencies, task, now))
    if (failed.changed && failed.task) {
      log('task.failed', { ...taskFields(task), code: failed.task.error?.code ?? 'worker_crashed' })
      await followUp(dependencies, failed.task)
      return 'done'
    }
  }
  if (task.dueKind === 'timed' && (task.status === 'RETRYING' || task.status === 'SCHEDULED')) return 'done'
  const waitSeconds = Math.ceil((task.claimableFrom - now) / 1_000)
  await shrunk
  await deliveries.changeVisibility(
    lane,
    receipt,
    Math.min(Math.max(waitSeconds, RACE_SECONDS), LIMITS.queueDelaySeconds),
  )
  return 'again'
}

/** Returns a message without processing it: this invocation runs a suspect task alone. */
export async function returnDelivery(
  { lane, deliveries }: Pick<Dependencies, 'lane' | 'deliveries'>,
  { receipt }: Delivery,
  shrunk: Promise<void>,
): Promise<'again'> {
  await shrunk
  await deliveries.changeVisibility(lane, receipt, RACE_SECONDS)
  return 'again'
}

import { TIMING } from '../../../contract/timing.ts'
import { LIMITS } from '../../../contract.ts'
import { causeFields } from '../../domain/errors.ts'
import { shouldRecordWatermark } from '../../domain/overdue.ts'
import { traceIdOf } from '../../domain/trace.ts'
import { type Delivered, type Delivery, type RunDependencies, runTask } from './run-task.ts'
import { type RunningAttempts, watchLeases } from './supervise-attempt.ts'

const MAX_WATERMARK_TENANTS = 1_000

/** A stumbling table is asked again in some seconds, then twice as long each time, up to a quarter of an hour. */
const failedSeconds = (receives: number, random: number): number =>
  Math.min(Math.floor((5 + random * 10) * 2 ** Math.max(0, receives - 1)), LIMITS.queueDelaySeconds)

/**
 * Runs all deliveries of one invocation side by side, each under its own deadline.
 *
 * @param deadline when the function itself will be stopped.
 * @returns the receipts that must come back. Never throws: one poisonous delivery is its own problem.
 */
export async function runBatch(
  dependencies: RunDependencies,
  deliveries: readonly Delivery[],
  deadline: number,
): Promise<ReadonlySet<string>> {
  const { lane, store, queue, clock, log, lastWatermarkAt } = dependencies
  const running: RunningAttempts = new Map()
  const over = new AbortController()
  log('batch.received', { lane, messages: deliveries.length })
  // First act: from here on a crash costs 90 s, not the queue's own long visibility.
  const shrunk = queue.changeVisibilityOfAll(
    lane,
    deliveries.map(({ receipt }) => receipt),
    TIMING.visibilitySeconds,
  )
  const watching = watchLeases(dependencies, running, over.signal)
  const notes: Promise<void>[] = []
  const recordClaim = ({ tenant, queuedAt }: { tenant: string; queuedAt: number }) => {
    const now = clock.now()
    const key = `${lane}#${tenant}`
    const last = lastWatermarkAt.get(key)
    if (last !== undefined && !shouldRecordWatermark(queuedAt, last, now)) return
    if (lastWatermarkAt.size >= MAX_WATERMARK_TENANTS) lastWatermarkAt.clear()
    lastWatermarkAt.set(key, now)
    if (shouldRecordWatermark(queuedAt, last, now))
      notes.push(
        store
          .recordWatermark(lane, tenant, queuedAt, now)
          .catch((error) => log('watermark.failed', { lane, ...causeFields(error) })),
      )
  }

  const again = new Set<string>()
  const runOne = async (delivery: Delivery): Promise<void> => {
    const delivered: Delivered = await runTask(dependencies, delivery, {
      deadline,
      shrunk,
      running,
      recordClaim,
    }).catch(async (error) => {
      log('delivery.failed', {
        tenant: delivery.message.tenant,
        task_id: delivery.message.id,
        trace_id: traceIdOf(delivery.message),
        ...causeFields(error),
      })
      await shrunk
      await queue
        .changeVisibility(lane, delivery.receipt, failedSeconds(delivery.receives ?? 1, clock.random()))
        .catch((failure) => log('heartbeat.failed', { lane, what: 'visibility', ...causeFields(failure) }))
      return 'again' as const
    })
    if (delivered === 'again') again.add(delivery.receipt)
  }
  await Promise.all(deliveries.map(runOne))
  over.abort()
  await Promise.all([watching, shrunk, ...notes])
  return again
}

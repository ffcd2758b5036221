import { TIMING } from '../../../contract/timing.ts'
import { causeFields } from '../../domain/errors.ts'
import { shouldRecordWatermark } from '../../domain/overdue.ts'
import { traceIdOf } from '../../domain/trace.ts'
import { type Delivered, type Delivery, type RunDependencies, runTask } from './run-task.ts'
import { type RunningAttempts, watchLeases } from './supervise-attempt.ts'

const MAX_WATERMARK_TENANTS = 1_000

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
      notes.push(store.recordWatermark(lane, tenant, queuedAt, now).catch(() => undefined))
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
      // A stumbling table is asked again in some seconds, not all at once.
      await queue
        .changeVisibility(lane, delivery.receipt, 5 + Math.floor(clock.random() * 10))
        .catch(() => undefined)
      return 'again' as const
    })
    if (delivered === 'again') again.add(delivery.receipt)
  }
  await Promise.all(deliveries.map(runOne))
  over.abort()
  await Promise.all([watching, shrunk, ...notes])
  return again
}

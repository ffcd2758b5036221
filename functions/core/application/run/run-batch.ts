import { TIMING } from '../../../contract/timing.ts'
import { type Lane, LIMITS } from '../../../contract.ts'
import { causeFields } from '../../domain/errors.ts'
import { shouldRecordWatermark } from '../../domain/overdue.ts'
import type { Task } from '../../domain/task.ts'
import { traceIdOf } from '../../domain/trace.ts'
import type { ClaimWatermarks } from '../../ports/claim-watermarks.ts'
import { Isolation } from './isolation.ts'
import { refill } from './refill.ts'
import { type Delivery, type RunDependencies, runTask } from './run-task.ts'
import { SlotMeter } from './slot-meter.ts'
import { type RunningAttempts, watchLeases } from './supervise-attempt.ts'

const MAX_WATERMARK_TENANTS = 1_000
/** The most messages that one call deletes. */
const DELETE_BATCH = 10

/** Delay after a failure of the table: some seconds, doubled with each receive, up to a quarter of an hour. */
const failedSeconds = (receives: number, random: number): number =>
  Math.min(Math.floor((5 + random * 10) * 2 ** Math.max(0, receives - 1)), LIMITS.queueDelaySeconds)

/**
 * Runs all deliveries of one invocation concurrently, each with its own deadline, and receives further messages into free
 * slots meanwhile.
 *
 * Messages of finished tasks are deleted while the invocation goes on: the event source deletes them only when it ends, and by
 * then they would be visible again. Messages of the event source that finish last are left to it.
 *
 * @param deadline when Lambda will stop the function.
 * @returns the receipts of messages that must be received again. Never throws: a failing delivery does not affect the others.
 */
export async function runBatch(
  dependencies: RunDependencies,
  deliveries: readonly Delivery[],
  deadline: number,
): Promise<ReadonlySet<string>> {
  const { lane, clock, log, ids } = dependencies
  const running: RunningAttempts = new Map()
  const over = new AbortController()
  log('batch.received', { lane, messages: deliveries.length })
  // First of all: from here on a crash delays the messages by 90 s, not by the queue's long visibility timeout.
  const shrunk = dependencies.deliveries.changeVisibilityOfAll(
    lane,
    deliveries.map(({ receipt }) => receipt),
    TIMING.visibilitySeconds,
  )
  const watching = watchLeases(dependencies, running, over.signal)
  const isolation = new Isolation(clock)
  const watermarks = new Watermarks(dependencies)
  const again = new Set<string>()
  const done: string[] = []
  const meter = new SlotMeter(dependencies)
  const metering = meter.watch(ids.token(), over.signal)

  const runOne = async (delivery: Delivery, isShrunk: Promise<void>): Promise<void> => {
    meter.enter()
    const recordClaim = (task: Task) => watermarks.record(task)
    const batch = { deadline, shrunk: isShrunk, running, isolation, recordClaim }
    const delivered = await runTask(dependencies, delivery, batch).catch(async (error) => {
      log('delivery.failed', {
        tenant: delivery.message.tenant,
        task_id: delivery.message.id,
        trace_id: traceIdOf(delivery.message),
        ...causeFields(error),
      })
      await isShrunk
      await dependencies.deliveries
        .changeVisibility(lane, delivery.receipt, failedSeconds(delivery.receives ?? 1, clock.random()))
        .catch((failure) => log('heartbeat.failed', { lane, what: 'visibility', ...causeFields(failure) }))
      return 'again' as const
    })
    meter.leave()
    if (delivered === 'again') again.add(delivery.receipt)
    else done.push(delivery.receipt)
  }
  const active = new Set<Promise<void>>()
  const start = (delivery: Delivery, isShrunk: Promise<void>) => {
    const run: Promise<void> = runOne(delivery, isShrunk).finally(() => active.delete(run))
    active.add(run)
  }
  const flush = async (): Promise<void> => {
    while (done.length > 0)
      await dependencies.deliveries
        .deleteAll(lane, done.splice(0, DELETE_BATCH))
        .catch((error) => log('delete.failed', { lane, ...causeFields(error) }))
  }

  for (const delivery of deliveries) start(delivery, shrunk)
  const refilled = await refill(dependencies, {
    deadline,
    active,
    isIsolating: () => isolation.isOn,
    // The receive has already set the visibility timeout.
    start: (delivery) => start(delivery, Promise.resolve()),
    flush,
  })
  while (active.size > 0) await Promise.race(active)
  if (refilled > 0) await flush()
  over.abort()
  await Promise.all([watching, metering, shrunk, watermarks.written()])
  const { usedMs, paidMs } = meter.total()
  log('batch.finished', {
    lane,
    messages: deliveries.length + refilled,
    refilled,
    slot_ms: usedMs,
    paid_slot_ms: paidMs,
  })
  return again
}

/** Writes how far the lane has come in a tenant's queue, only as often as needed. */
class Watermarks {
  readonly #dependencies: Pick<RunDependencies, 'clock' | 'log' | 'lastWatermarkAt'> & {
    readonly lane: Lane
    readonly watermarks: Pick<ClaimWatermarks, 'recordWatermark'>
  }
  readonly #writes: Promise<void>[] = []

  constructor(dependencies: RunDependencies) {
    this.#dependencies = dependencies
  }

  record({ tenant, queuedAt }: Pick<Task, 'tenant' | 'queuedAt'>): void {
    const { lane, watermarks, clock, log, lastWatermarkAt } = this.#dependencies
    const now = clock.now()
    const key = `${lane}#${tenant}`
    const last = lastWatermarkAt.get(key)
    if (last !== undefined && !shouldRecordWatermark(queuedAt, last, now)) return
    if (lastWatermarkAt.size >= MAX_WATERMARK_TENANTS) lastWatermarkAt.clear()
    lastWatermarkAt.set(key, now)
    if (shouldRecordWatermark(queuedAt, last, now))
      this.#writes.push(
        watermarks
          .recordWatermark(lane, tenant, queuedAt, now)
          .catch((error) => log('watermark.failed', { lane, ...causeFields(error) })),
      )
  }

  async written(): Promise<void> {
    await Promise.all(this.#writes)
  }
}

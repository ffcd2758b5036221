/**
 * Tells a lost message from a long queue.
 *
 * A row that waits for its message is overdue in both cases, and a re-send is not free: in a healthy backlog it
 * would only add duplicates. Two facts tell them apart. An empty queue means that the message is not in it. And a
 * standard queue is roughly first in, first out per tenant (fair queues reorder between tenants, not within one),
 * so a row much older than what the lane claimed last for its tenant was passed over.
 */

/** How far a worker has come with one tenant's queue. */
export interface ClaimWatermark {
  readonly tenant: string
  /** `queuedAt` of the youngest row claimed so far. */
  readonly queuedAt: number
  readonly recordedAt: number
}

/** How far behind the tenant's watermark a row must be: queues reorder by seconds, crashes return messages after 90 s. */
export const PASSED_OVER_MS = 5 * 60_000
/** A watermark older than this says nothing about now. */
export const WATERMARK_FRESH_MS = 3 * 60_000
/** Fallback for tenants without a watermark while the lane is active: after this time the message counts as lost. */
export const NO_WATERMARK_PATIENCE_MS = 10 * 60_000

/** @param visible messages that could be received right now; lags by up to a minute. */
export function isLost(
  row: { readonly tenant: string; readonly queuedAt: number },
  visible: number,
  watermarks: readonly ClaimWatermark[],
  now: number,
): boolean {
  if (visible === 0) return true
  const fresh = watermarks.filter((watermark) => now - watermark.recordedAt <= WATERMARK_FRESH_MS)
  const own = fresh.find((watermark) => watermark.tenant === row.tenant)
  if (own) return row.queuedAt < own.queuedAt - PASSED_OVER_MS
  // No watermark at all: the lane claims nothing (paused, throttled, every worker busy). A message sent into it
  // would wait behind the first one, so it can wait for the lane to move.
  return fresh.length > 0 && now - row.queuedAt > NO_WATERMARK_PATIENCE_MS
}

/** A claim that waited longer than this is worth a watermark: the lane has a backlog. */
export const BACKLOG_WAIT_MS = 20_000
/** A worker that keeps claiming leaves a watermark this often even without a backlog. */
const RECORD_EVERY_MS = 60_000
/** A worker in a backlog leaves a watermark no more often than this. */
const RECORD_AT_MOST_EVERY_MS = 10_000

/**
 * Whether a worker should tell how far it came; `last` is when it last did, or when it first saw the tenant.
 * A short task in an idle lane costs no third write this way.
 */
export function shouldRecordWatermark(queuedAt: number, last: number | undefined, now: number): boolean {
  if (now - queuedAt > BACKLOG_WAIT_MS) return last === undefined || now - last >= RECORD_AT_MOST_EVERY_MS
  return last !== undefined && now - last >= RECORD_EVERY_MS
}

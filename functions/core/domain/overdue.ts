/**
 * Tells a lost message from a long queue.
 *
 * A row that waits for its message is overdue in both cases, and sending again has a price: in a healthy backlog it
 * only adds duplicates. Two facts separate the cases. If the queue is empty, the message is not in it. And a
 * standard queue is roughly first in, first out per tenant (fair queues reorder between tenants, not within one),
 * so a row much older than the lane's last claim for its tenant was skipped.
 */

/** How far the workers have come in one tenant's queue. */
export interface ClaimWatermark {
  readonly tenant: string
  /** `queuedAt` of the youngest row claimed so far. */
  readonly queuedAt: number
  readonly recordedAt: number
}

/** How far behind its tenant's watermark a row must be: queues reorder by seconds, crashes return messages after 90 s. */
export const BEHIND_WATERMARK_MS = 5 * 60_000
/** A watermark older than this does not describe the present. */
export const WATERMARK_FRESH_MS = 3 * 60_000
/** Fallback for tenants without a watermark while the lane is active: after this time the message counts as lost. */
export const LOST_WITHOUT_WATERMARK_MS = 10 * 60_000

/** @param visible number of visible messages; up to a minute old. */
export function isMessageLost(
  row: { readonly tenant: string; readonly queuedAt: number },
  visible: number,
  watermarks: readonly ClaimWatermark[],
  now: number,
): boolean {
  if (visible === 0) return true
  const fresh = watermarks.filter((watermark) => now - watermark.recordedAt <= WATERMARK_FRESH_MS)
  const own = fresh.find((watermark) => watermark.tenant === row.tenant)
  if (own) return row.queuedAt < own.queuedAt - BEHIND_WATERMARK_MS
  // No watermark at all: the lane claims nothing (paused, throttled, every worker busy). Another message would only wait
  // behind the first one, so none is sent until the lane claims again.
  return fresh.length > 0 && now - row.queuedAt > LOST_WITHOUT_WATERMARK_MS
}

/** A claim that waited longer than this shows a backlog: its watermark is written. */
export const BACKLOG_WAIT_MS = 20_000
/** Without a backlog, a worker that keeps claiming writes a watermark this often. */
const RECORD_EVERY_MS = 60_000
/** In a backlog, a worker writes a watermark at most this often. */
const MIN_RECORD_INTERVAL_MS = 10_000

/**
 * Whether a worker should write a watermark; `last` is when it last did, or when it first saw the tenant.
 * This way a short task in an idle lane costs no third write.
 */
export function shouldRecordWatermark(queuedAt: number, last: number | undefined, now: number): boolean {
  if (now - queuedAt > BACKLOG_WAIT_MS) return last === undefined || now - last >= MIN_RECORD_INTERVAL_MS
  return last !== undefined && now - last >= RECORD_EVERY_MS
}

/**
 * Tells a lost message from a long queue.
 *
 * A row that waits for its message is overdue in both cases, and a re-send is not free: in a healthy backlog it
 * would only add duplicates. Two facts tell them apart. An empty queue means that the message is not in it. And a
 * standard queue is roughly first in, first out per tenant (fair queues reorder between tenants, not within one),
 * so a row much older than what the lane claimed last for its tenant was passed over.
 */

/** How far a worker has come with one tenant's queue. */
export interface Mark {
  readonly tenant: string
  /** `queuedAt` of the youngest row claimed so far. */
  readonly queuedAt: number
  readonly notedAt: number
}

/** How far behind the tenant's mark a row must be: queues reorder by seconds, crashes return messages after 90 s. */
export const PASSED_OVER_MS = 5 * 60_000
/** A mark older than this says nothing about now. */
export const MARK_FRESH_MS = 3 * 60_000
/** A tenant with no mark of its own, in a lane that is moving, is judged by this much patience instead. */
export const UNMARKED_PATIENCE_MS = 10 * 60_000

/** @param visible messages that could be received right now; lags by up to a minute. */
export function isLost(
  row: { readonly tenant: string; readonly queuedAt: number },
  visible: number,
  marks: readonly Mark[],
  now: number,
): boolean {
  if (visible === 0) return true
  const fresh = marks.filter((mark) => now - mark.notedAt <= MARK_FRESH_MS)
  const own = fresh.find((mark) => mark.tenant === row.tenant)
  if (own) return row.queuedAt < own.queuedAt - PASSED_OVER_MS
  // No mark at all: the lane claims nothing (paused, throttled, every worker busy). A message sent into it
  // would wait behind the first one, so it can wait for the lane to move.
  return fresh.length > 0 && now - row.queuedAt > UNMARKED_PATIENCE_MS
}

/** A claim that waited longer than this is worth a mark: the lane has a backlog. */
const NOTEWORTHY_WAIT_MS = 20_000
/** A worker that keeps claiming leaves a mark this often even without a backlog. */
const NOTE_EVERY_MS = 60_000
/** A worker in a backlog leaves a mark no more often than this. */
const NOTE_AT_MOST_EVERY_MS = 10_000

/**
 * Whether a worker should tell how far it came; `last` is when it last did, or when it first saw the tenant.
 * A short task in an idle lane costs no third write this way.
 */
export function isNoteworthy(queuedAt: number, last: number | undefined, now: number): boolean {
  if (now - queuedAt > NOTEWORTHY_WAIT_MS) return last === undefined || now - last >= NOTE_AT_MOST_EVERY_MS
  return last !== undefined && now - last >= NOTE_EVERY_MS
}

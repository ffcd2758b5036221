const MOST_MORE_MS = 60_000

/**
 * How long the local runtime waits where AWS waits for `limitMs`. The limit is there to end code that hangs. Here the same code
 * may only be slow, because the machine is busy: an answer that comes late is better than a call that is made again.
 */
export const patientLimitMs = (limitMs: number): number => limitMs + Math.min(2 * limitMs, MOST_MORE_MS)

/** Durations of leases, messages and sweeps, all in this file; see the section on leases in functions/DECISIONS.md. */

/** At scale 1, which every deployed stage uses. */
const FULL_LENGTH = {
  /** Length of a worker's lease. */
  leaseMs: 60_000,
  /** Interval of its renewals: two may fail before the lease ends. */
  heartbeatMs: 20_000,
  /** Visibility timeout that a worker sets when it receives a message, and renews with each heartbeat. */
  visibilitySeconds: 90,
  /** Delay of an unreadable message. Ten receives take about two minutes, time for an old version to end during a deploy. */
  unreadableSeconds: 10,
  /** Time after a send at which the sweeper checks whether the message was received; doubled with every further send. */
  queuedPatienceMs: 60_000,
  maxPatienceMs: 60 * 60_000,
  /** Time after a task's end at which the sweeper does the pending follow-ups. */
  followUpPatienceMs: 60_000,
  /** The sweeper sends a parked task's message this early, with a delay, so that it starts on time. */
  lookAheadMs: 75_000,
  sweepMs: 60_000,
} as const

export type Timing = { readonly [Name in keyof typeof FULL_LENGTH]: number }

/** The same durations, shorter. SQS counts whole seconds, so a visibility timeout is rounded up. */
export const timingAt = (scale: number): Timing =>
  Object.fromEntries(
    Object.entries(FULL_LENGTH).map(([name, value]) => [
      name,
      (name.endsWith('Seconds') ? Math.ceil : Math.round)(value * scale),
    ]),
  ) as Timing

/** The durations of this process. Read them when needed: a copy made at import would miss the scale. */
export const TIMING: Timing = timingAt(1)

/** Called once, at cold start, with the environment's scale, so that a test stage does not wait a whole minute. */
export function scaleTiming(scale: number): void {
  Object.assign(TIMING, timingAt(scale))
}

/** Not scaled: each is short already, or depends on a limit outside the product. */
export const ATTEMPT = {
  /** Interval of reading the rows of running attempts, to notice a cancel. */
  cancelCheckMs: 2_000,
  /** An attempt ends this long before its function's timeout. */
  reserveMs: 10_000,
} as const

/** How long leases, messages and the sweeper wait. The one place for it; see the lease section of functions/DECISIONS.md. */

/** At scale 1, which is what every deployed stage runs at. */
const FULL_LENGTH = {
  /** A worker's lease. */
  leaseMs: 60_000,
  /** How often it is renewed: two renewals may fail before the lease ends. */
  heartbeatMs: 20_000,
  /** Visibility a message is shrunk to at first sight, renewed by each heartbeat. */
  visibilitySeconds: 90,
  /** Ten receives of an unreadable message in some two minutes: time for the old version of a deploy to go away. */
  unreadableSeconds: 10,
  /** The first wait of the sweeper for a sent message to be taken; doubles with every further send. */
  queuedPatienceMs: 60_000,
  maxPatienceMs: 60 * 60_000,
  /** How long after the ending write the sweeper does what must follow and nobody confirmed. */
  followUpPatienceMs: 60_000,
  /** A parked task is sent this far ahead with a delay, so that it starts on its second and not on the sweep's. */
  lookAheadMs: 75_000,
  /** How often the sweeper comes by. */
  sweepMs: 60_000,
} as const

export type Timing = { readonly [Name in keyof typeof FULL_LENGTH]: number }

/** The same waits, shorter. SQS counts in whole seconds, so a visibility is rounded up to one. */
export const timingAt = (scale: number): Timing =>
  Object.fromEntries(
    Object.entries(FULL_LENGTH).map(([name, value]) => [
      name,
      (name.endsWith('Seconds') ? Math.ceil : Math.round)(value * scale),
    ]),
  ) as Timing

/** What holds in this process. Read it when it is needed: a copy made while modules load would miss the scale. */
export const TIMING: Timing = timingAt(1)

/** Set once, at cold start, from the function's environment: a test stage does not wait out a whole minute. */
export function scaleTiming(scale: number): void {
  Object.assign(TIMING, timingAt(scale))
}

/** Not scaled: each is short already, or bounded by something that is not ours to scale. */
export const ATTEMPT = {
  /** How often the rows of running attempts are read to notice a cancel. */
  cancelCheckMs: 2_000,
  /** An attempt ends this long before its function would. */
  reserveMs: 10_000,
} as const

/**
 * A circuit breaker, one per provider: when a provider keeps failing, its calls are paused for a while instead of
 * burning the attempts of every task in the lane (Nygard, "Release It!", 2007).
 *
 *   closed ──5 failures in a row──▶ open ──time is up──▶ half open: one call probes
 *     ▲                              ▲                        │
 *     └──────────── success ─────────┼────────────────────────┤
 *                                    └─────── failure ────────┘ (twice as long)
 */

/** What is kept of a circuit. */
export interface Circuit {
  /** Failures without a success between. */
  readonly failures: number
  readonly firstFailedAt: number
  readonly lastFailedAt: number
  /** The error code of the last failure. */
  readonly code: string
  /** How often it opened without a success between. */
  readonly opens: number
  /** Open until then; afterwards half open. Absent while closed. */
  readonly until?: number
  /** Half open, and one call is under way to see; if it tells nothing until then, the next call probes. */
  readonly probeUntil?: number
}

export type Admission =
  | { readonly kind: 'pass' }
  /** The caller may become the probe, if it is the first to store this. */
  | { readonly kind: 'probe'; readonly circuit: Circuit }
  | { readonly kind: 'refuse'; readonly until: number }

/** Fewer failures open nothing: a single prompt may be at fault. */
const FAILURES_TO_OPEN = 5
/** Nor do failures of one instant, which may be one hiccup seen by a whole batch. */
const SHORTEST_TROUBLE_MS = 1_000
/** Failures further apart than this are not "in a row". */
const FAILURES_WITHIN_MS = 60_000
const FIRST_OPEN_MS = 15_000
const LONGEST_OPEN_MS = 5 * 60_000
const PROBE_MS = 60_000
/** How long those wait who find a probe under way: about a model call. */
const PROBE_WAIT_MS = 10_000

/** Says whether a call may be made. */
export function admit(circuit: Circuit | undefined, now: number): Admission {
  if (circuit?.until === undefined) return { kind: 'pass' }
  if (circuit.until > now) return { kind: 'refuse', until: circuit.until }
  if (circuit.probeUntil !== undefined && circuit.probeUntil > now)
    return { kind: 'refuse', until: Math.min(circuit.probeUntil, now + PROBE_WAIT_MS) }
  return { kind: 'probe', circuit: { ...circuit, probeUntil: now + PROBE_MS } }
}

/** @param retryAfterMs the provider's own wish; it may lengthen the pause, never shorten it. */
export function afterFailure(
  circuit: Circuit | undefined,
  code: string,
  retryAfterMs: number | undefined,
  now: number,
): Circuit {
  const isFirst =
    !circuit ||
    circuit.failures === 0 ||
    (circuit.until === undefined && now - circuit.lastFailedAt > FAILURES_WITHIN_MS)
  const failures = isFirst ? 1 : circuit.failures + 1
  const firstFailedAt = isFirst ? now : circuit.firstFailedAt
  const opens = isFirst ? 0 : circuit.opens
  const seen = { failures, firstFailedAt, lastFailedAt: now, code, opens }
  // A call that began before the circuit opened tells nothing but, perhaps, a longer wait.
  if (circuit?.until !== undefined && circuit.until > now)
    return { ...seen, until: Math.max(circuit.until, now + (retryAfterMs ?? 0)) }
  const isProbe = circuit?.until !== undefined
  const isTrouble = failures >= FAILURES_TO_OPEN && now - firstFailedAt >= SHORTEST_TROUBLE_MS
  if (!isProbe && !isTrouble) return seen
  const ownMs = Math.min(FIRST_OPEN_MS * 2 ** opens, LONGEST_OPEN_MS)
  return { ...seen, opens: opens + 1, until: now + Math.max(ownMs, retryAfterMs ?? 0) }
}

/**
 * How long after it first did an open circuit may hold a task. Then it calls all the same and spends its attempts:
 * otherwise a prompt that makes its provider fail would wait, and probe, for ever.
 */
export const MAX_CIRCUIT_WAIT_MS = 60 * 60_000

/** What a success leaves. */
export const closed = (now: number): Circuit => ({
  failures: 0,
  firstFailedAt: now,
  lastFailedAt: now,
  code: '',
  opens: 0,
})

/** Codes that say something about the provider rather than about one request. */
export const TROUBLE_CODES: readonly string[] = [
  'provider_rate_limited',
  'provider_unavailable',
  'provider_timeout',
  'provider_unreachable',
]

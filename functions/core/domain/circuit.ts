/**
 * A circuit breaker, one per provider and model: when a model keeps failing for several tasks, its calls are paused
 * instead of using up the attempts of every task in the lane (Nygard, "Release It!", 2007).
 *
 *   closed ──several tasks fail──▶ open ──15 s──▶ half open: one call probes, every 15 s
 *     ▲                             ▲                │
 *     │ few calls, then more        └──── failure ───┤
 *     └────────────────── success ───────────────────┘
 *
 * It opens on tasks, not on failures: one prompt that makes its model fail is no outage. A task that has not failed so
 * probes first, so that tasks that poison their calls hold others for one pause at most; those that have failed wait
 * longer each time, and a failure while probing spends their attempt, so that they end.
 */
import { MAX_RETRY_AFTER_MS } from './retry-after.ts'

/** What is kept of a circuit. */
export interface Circuit {
  /** Tasks that failed without a success between, as far as they are counted. */
  readonly tasks: readonly string[]
  /** How many of them failed for their first time. */
  readonly fresh: number
  /** Whose they are; while it is one tenant, only that tenant's calls are paused. */
  readonly tenants: readonly string[]
  readonly firstFailedAt: number
  readonly lastFailedAt: number
  /** The error code of the last failure. */
  readonly code: string
  /** How often it opened without a success between. */
  readonly opens: number
  /** Open until then; afterwards half open. Absent while closed. */
  readonly until?: number
  /** Tasks that have failed so before do not probe until then. */
  readonly laterUntil?: number
  /** Half open, and one call is under way to see; if it tells nothing until then, the next call probes. */
  readonly probeUntil?: number
  /** When a probe found the model back; the load rises from there. */
  readonly reopenedAt?: number
}

/** Who wants to call. */
export interface Caller {
  readonly task: string
  readonly tenant: string
  /** An attempt of it ended by a failure of this kind. */
  readonly hasFailed: boolean
  /** It has no attempt after this one. */
  readonly isLast: boolean
}

export type Admission =
  /** @param limit calls that this environment may have under way at once. */
  | { readonly kind: 'pass'; readonly limit: number }
  /** The caller may become the probe, if it is the first to store this. */
  | { readonly kind: 'probe'; readonly circuit: Circuit }
  | { readonly kind: 'refuse'; readonly until: number }

/** So many tasks that fail for their first time are an outage; fewer may be their own fault. */
const FRESH_TO_OPEN = 3
/** Or so many, the failures of earlier attempts included: an outage that comes back. */
const TASKS_TO_OPEN = 8
/** Nor do failures of one instant open it, which may be one hiccup seen by a whole batch. */
const SHORTEST_TROUBLE_MS = 1_000
/** Failures further apart than this do not belong together. */
const FAILURES_WITHIN_MS = 60_000
/** A pause, and the time between two probes. */
const OPEN_MS = 15_000
const LONGEST_LATER_MS = 5 * 60_000
/** Tasks at their last attempt probe only when nobody else has for so long. */
const LAST_LATER_MS = 5 * 60_000
/** How long those wait who find a probe under way. */
const PROBE_WAIT_MS = 3_000
/** The load doubles in each step, from one call per environment. */
const RISE_STEP_MS = 2_000
const RISE_MS = 10_000

/** Says whether a call may be made. */
export function admit(circuit: Circuit | undefined, caller: Caller, now: number): Admission {
  if (circuit?.until === undefined) return { kind: 'pass', limit: limitOf(circuit, now) }
  const { until, tenants, laterUntil = until } = circuit
  if (tenants.length === 1 && tenants[0] !== caller.tenant) return { kind: 'pass', limit: Infinity }
  if (until > now) return { kind: 'refuse', until }
  const from = caller.isLast ? laterUntil + LAST_LATER_MS : caller.hasFailed ? laterUntil : until
  if (from > now) return { kind: 'refuse', until: from }
  if (circuit.probeUntil !== undefined && circuit.probeUntil > now)
    return { kind: 'refuse', until: Math.min(circuit.probeUntil, now + PROBE_WAIT_MS) }
  return { kind: 'probe', circuit: { ...circuit, probeUntil: now + OPEN_MS } }
}

/** Whether a call that the tenant would begin is held back, as far as a caller wants to know. */
export const isPausedFor = (circuit: Circuit | undefined, tenant: string, now: number): boolean =>
  admit(circuit, { task: '', tenant, hasFailed: false, isLast: false }, now).kind === 'refuse'

function limitOf(circuit: Circuit | undefined, now: number): number {
  const since = now - (circuit?.reopenedAt ?? Number.NEGATIVE_INFINITY)
  return since < 0 || since >= RISE_MS ? Infinity : 2 ** Math.floor(since / RISE_STEP_MS)
}

/** When a caller that the rising load left out may come again. */
export const RISE_WAIT_MS = RISE_STEP_MS

/** @param retryAfterMs the provider's own wish; it may lengthen the pause, up to the cap that retries have, never shorten it. */
export function afterFailure(
  circuit: Circuit | undefined,
  code: string,
  { task, tenant, hasFailed }: Caller,
  retryAfterMs: number | undefined,
  now: number,
): Circuit {
  const wish = now + Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS)
  const isFirst = !circuit || (circuit.until === undefined && now - circuit.lastFailedAt > FAILURES_WITHIN_MS)
  const before = isFirst ? undefined : circuit
  const isKnown = before?.tasks.includes(task) ?? false
  const tasks = isKnown ? (before?.tasks ?? []) : [...(before?.tasks ?? []), task].slice(-TASKS_TO_OPEN)
  const tenants = [...new Set([...(before?.tenants ?? []), tenant])].slice(0, 2)
  const seen: Circuit = {
    tasks,
    fresh: (before?.fresh ?? 0) + (isKnown || hasFailed ? 0 : 1),
    tenants,
    firstFailedAt: before && before.tasks.length > 0 ? before.firstFailedAt : now,
    lastFailedAt: now,
    code,
    opens: before?.opens ?? 0,
  }
  // A call that began before the circuit opened tells nothing but, perhaps, a longer wait.
  if (circuit?.until !== undefined && circuit.until > now)
    return {
      ...seen,
      until: Math.max(circuit.until, wish),
      laterUntil: Math.max(circuit.laterUntil ?? circuit.until, wish),
    }
  const isProbe = circuit?.until !== undefined
  const isTrouble =
    (seen.fresh >= FRESH_TO_OPEN || tasks.length >= TASKS_TO_OPEN) &&
    now - seen.firstFailedAt >= SHORTEST_TROUBLE_MS
  if (!isProbe && !isTrouble) return seen
  const opens = seen.opens + 1
  // Later than a task that has not failed, from the first pause on: it is the one that can tell. Only their own failures
  // make it later still: where each task's first call fails, none but those that have failed can find the model back.
  const later = now + Math.min(OPEN_MS * 2 ** opens, LONGEST_LATER_MS)
  const laterUntil = isProbe && !hasFailed ? (circuit.laterUntil ?? later) : later
  return {
    ...seen,
    opens,
    until: Math.max(now + OPEN_MS, wish),
    laterUntil: Math.max(laterUntil, wish),
  }
}

/**
 * How long after it first did an open circuit may hold a task. Then it calls all the same and spends its attempts, so
 * that every task ends.
 */
export const MAX_CIRCUIT_WAIT_MS = 60 * 60_000

/** What a success leaves, or a hand that closes it. */
export const closed = (circuit: Circuit | undefined, now: number): Circuit => ({
  tasks: [],
  fresh: 0,
  tenants: [],
  firstFailedAt: now,
  lastFailedAt: now,
  code: '',
  opens: 0,
  ...(circuit?.until === undefined ? {} : { reopenedAt: now }),
})

/**
 * When a task that an open circuit refused comes again. The first time, when the pause ends; the longer it has been held,
 * the more rarely: thousands that wait must not all ask every 15 s.
 */
export function waitAtCircuit(
  until: number,
  heldSince: number | undefined,
  now: number,
  random: number,
): number {
  const held = heldSince === undefined ? 0 : now - heldSince
  const spread = Math.min(held / 2, LONGEST_LATER_MS) * (0.5 + random / 2)
  return Math.max(until - now, held > OPEN_MS ? spread : 0)
}

/** Codes that say something about the provider rather than about one request. */
export const TROUBLE_CODES: readonly string[] = [
  'provider_rate_limited',
  'provider_unavailable',
  'provider_timeout',
  'provider_unreachable',
]

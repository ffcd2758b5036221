/**
 * A circuit breaker, one per provider and model: when a model keeps failing for several tasks, its calls are paused
 * instead of using up the attempts of every task in the lane (Nygard, "Release It!", 2007).
 *
 *   closed ──several tasks fail──▶ open ──▶ half open: one call probes, every second for 30 s, then every 15 s
 *     ▲                             ▲           │
 *     │ few calls, then more        └─ failure ─┤
 *     └────────────────── success ──────────────┘
 *
 * It counts failed tasks, not failed calls: one prompt that makes its model fail is no outage. Tasks that have not failed
 * before probe first, so that tasks which always fail delay other tasks by at most one pause. Tasks that have failed
 * before wait longer each time, and a failed probe uses up one of their attempts, so that they end.
 */
export interface Circuit {
  /** Ids of the tasks that failed since the last success; the list has a maximum length. */
  readonly tasks: readonly string[]
  /** How many of them had never failed in this way before. */
  readonly fresh: number
  /** Tenants of these tasks. While there is only one, only that tenant's calls are paused. */
  readonly tenants: readonly string[]
  readonly firstFailedAt: number
  readonly lastFailedAt: number
  /** The error code of the last failure. */
  readonly code: string
  /** How often the circuit opened since the last success. */
  readonly opens: number
  /** Open until this time, half open afterwards. Absent while closed. */
  readonly until?: number
  /** Tasks that have failed before do not probe until this time. */
  readonly laterUntil?: number
  /** Half open with a probe in progress. When it has no outcome by this time, the next call probes. */
  readonly probeUntil?: number
  /** When a probe succeeded; the number of calls allowed at once rises from this time on. */
  readonly reopenedAt?: number
}

/** The task that wants to make a call. */
export interface Caller {
  readonly task: string
  readonly tenant: string
  /** An earlier attempt of it failed with a circuit error code. */
  readonly hasFailed: boolean
  /** This is its last attempt. */
  readonly isLast: boolean
}

export type Admission =
  /** @param limit calls that this execution environment may run at once. */
  | { readonly kind: 'pass'; readonly limit: number }
  /** The caller becomes the probe if its write of this state succeeds. */
  | { readonly kind: 'probe'; readonly circuit: Circuit }
  | { readonly kind: 'refuse'; readonly until: number }

/** This many tasks failing for the first time are an outage; fewer may fail by their own prompts. */
const FRESH_TO_OPEN = 3
/** Or this many tasks, those that failed before included: an outage that returns. */
const TASKS_TO_OPEN = 8
/** Failures within less than this do not open it: they may be one short fault that a whole batch saw. */
const MIN_TROUBLE_MS = 1_000
/** Failures further apart than this are not counted together. */
const FAILURES_WITHIN_MS = 60_000
/** Length of a pause, and time between two probes. */
const OPEN_MS = 15_000
/**
 * While the first failure since the last success is this recent, probes follow each other quickly: it may be several tasks
 * that always fail, each of which would otherwise delay the healthy tasks behind it by a whole pause.
 */
const EARLY_MS = 30_000
const EARLY_OPEN_MS = 1_000
/** A probe in this time that has found out nothing by then does not stop the next one. */
const EARLY_PROBE_MS = 2_000
const MAX_OPEN_MS = 5 * 60_000
/** A task on its last attempt probes only when no other call has probed for this long. */
const LAST_ATTEMPT_PROBE_MS = 5 * 60_000
/** Wait of a call that finds a probe in progress. */
const PROBE_WAIT_MS = 3_000
/** The number of calls allowed at once doubles in each step, starting at one per execution environment. */
const RISE_STEP_MS = 2_000
const RISE_MS = 10_000

/** Decides whether a call may be made. */
export function admitCall(circuit: Circuit | undefined, caller: Caller, now: number): Admission {
  if (circuit?.until === undefined) return { kind: 'pass', limit: limitOf(circuit, now) }
  const { until, tenants, laterUntil = until } = circuit
  if (tenants.length === 1 && tenants[0] !== caller.tenant) return { kind: 'pass', limit: Infinity }
  if (until > now) return { kind: 'refuse', until }
  const from = caller.isLast ? laterUntil + LAST_ATTEMPT_PROBE_MS : caller.hasFailed ? laterUntil : until
  if (from > now) return { kind: 'refuse', until: from }
  if (circuit.probeUntil !== undefined && circuit.probeUntil > now)
    return { kind: 'refuse', until: Math.min(circuit.probeUntil, now + PROBE_WAIT_MS) }
  const probeMs = isEarly(circuit, now) ? EARLY_PROBE_MS : OPEN_MS
  return { kind: 'probe', circuit: { ...circuit, probeUntil: now + probeMs } }
}

/** Whether a new call of the tenant would be refused; for display. */
export const isPausedFor = (circuit: Circuit | undefined, tenant: string, now: number): boolean =>
  admitCall(circuit, { task: '', tenant, hasFailed: false, isLast: false }, now).kind === 'refuse'

const isEarly = ({ firstFailedAt }: Circuit, now: number): boolean => now - firstFailedAt < EARLY_MS

function limitOf(circuit: Circuit | undefined, now: number): number {
  const since = now - (circuit?.reopenedAt ?? Number.NEGATIVE_INFINITY)
  return since < 0 || since >= RISE_MS ? Infinity : 2 ** Math.floor(since / RISE_STEP_MS)
}

/** Wait of a call that exceeds the number allowed while it rises. */
export const RISE_WAIT_MS = RISE_STEP_MS

/**
 * The state after a failure. A wait that the provider asks for is the answer to one prompt: it delays the task that got it,
 * not the others, or three prompts would stop a model for an hour.
 */
export function afterFailure(
  circuit: Circuit | undefined,
  code: string,
  { task, tenant, hasFailed }: Caller,
  now: number,
): Circuit {
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
  // A call that began before the circuit opened changes nothing.
  if (circuit?.until !== undefined && circuit.until > now)
    return { ...seen, until: circuit.until, laterUntil: circuit.laterUntil ?? circuit.until }
  const isProbe = circuit?.until !== undefined
  const isTrouble =
    (seen.fresh >= FRESH_TO_OPEN || tasks.length >= TASKS_TO_OPEN) &&
    now - seen.firstFailedAt >= MIN_TROUBLE_MS
  if (!isProbe && !isTrouble) return seen
  const pauseMs = isEarly(seen, now) ? EARLY_OPEN_MS : OPEN_MS
  const opens = pauseMs === OPEN_MS ? seen.opens + 1 : 1
  // Tasks that have failed before probe later than others from the first pause on. Only their own failures lengthen this
  // further: when the first call of every task fails, only tasks that have failed before can find out that the model recovered.
  const later = now + Math.min(OPEN_MS * 2 ** opens, MAX_OPEN_MS)
  const laterUntil = isProbe && !hasFailed ? (circuit.laterUntil ?? later) : later
  return {
    ...seen,
    opens,
    until: now + pauseMs,
    laterUntil,
  }
}

/**
 * How long an open circuit may delay a task, counted from its first wait. Then the task makes its calls anyway and uses up
 * its attempts, so that every task ends.
 */
export const MAX_CIRCUIT_WAIT_MS = 60 * 60_000

/** The state after a success, or after an operator closed the circuit. */
export const closedCircuit = (circuit: Circuit | undefined, now: number): Circuit => ({
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
 * When a task that an open circuit refused is tried again: the first time at the end of the pause, later at growing
 * intervals, so that thousands of waiting tasks do not all try every 15 s. It waits at
 * most five minutes, because closing the circuit by hand does not wake waiting tasks.
 */
export function waitAtCircuit(
  until: number,
  heldSince: number | undefined,
  now: number,
  random: number,
): number {
  const held = heldSince === undefined ? 0 : now - heldSince
  const spread = Math.min(held / 2, MAX_OPEN_MS) * (0.5 + random / 2)
  const longest = MAX_OPEN_MS * (0.75 + random / 4)
  return Math.min(Math.max(until - now, spread), longest)
}

/** Error codes that indicate a fault of the provider rather than of one request. */
export const TROUBLE_CODES: readonly string[] = [
  'provider_rate_limited',
  'provider_unavailable',
  'provider_timeout',
  'provider_unreachable',
]

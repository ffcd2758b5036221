/**
 * Estimates when a waiting task will start and end, from the recent runs of its lane.
 *
 * Each running task frees its slot after the mean duration, so `running` slots take `running / mean` tasks a second
 * from the front of the queue. The bounds are calibrated in `test/unit/estimate.test.ts` against a simulated day: at least
 * eight of ten real starts fall between them.
 */
import { BACKLOG_WAIT_MS, type ClaimWatermark } from './overdue.ts'
import type { Task } from './task.ts'

/** One finished attempt. */
export interface RecentRun {
  /** Type and model: runs of the same kind have similar duration and cost. */
  readonly kind: string
  readonly ms: number
  /** Null where tokens or price are not known. */
  readonly costMicroUsd: number | null
}

export interface LaneMoment {
  /** Visible messages. */
  readonly waiting: number
  /** Messages that workers have received and not yet deleted. */
  readonly running: number
  readonly isPaused: boolean
  /** The latest recorded position of the lane in the tenant's queue. */
  readonly watermark: ClaimWatermark | undefined
  readonly runs: readonly RecentRun[]
}

/** Milliseconds since 1970. */
export interface Band {
  readonly earliest: number
  readonly latest: number
}

export interface Estimate {
  /** What the task waits for. */
  readonly gate: 'schedule' | 'retry' | 'queue' | 'paused' | 'circuit' | 'key' | 'limit'
  /** Approximate number of tasks before it; undefined for a task that is not in the queue. */
  readonly position: number | undefined
  /** Undefined while its lane or its model's calls are paused, and while another task must end first. */
  readonly start: Band | undefined
  /** Also undefined when no task of its kind has ended recently. */
  readonly finish: Band | undefined
  readonly costMicroUsd: { readonly low: number; readonly high: number } | undefined
}

/** Start of an idle lane: a cold start of the worker, and one polling interval of the event source. */
const IDLE_MS = 2_500
/** Assumed duration of a run when no run is known, from what users report. */
const UNKNOWN_RUN_MS = 10_000
/** Observed error of the expected time, as a share of it. */
const MISSED_SHARE = 0.3
/** Added to the error of longer waits: queue counts are some seconds old, and tasks arrive in bursts. */
const EARLY_MS = 12_000
const LATE_MS = 40_000

export const kindOf = ({ type, model }: Pick<Task, 'type' | 'model'>): string => `${type} ${model ?? ''}`

/**
 * @param task a waiting task: scheduled, queued, or between two attempts.
 * @param isModelPaused whether the circuit of its model is open.
 */
export function estimate(
  task: Pick<Task, 'type' | 'model' | 'status' | 'queuedAt' | 'claimableFrom'> &
    Partial<Pick<Task, 'sends' | 'turnWaits' | 'concurrencyKey'>>,
  moment: LaneMoment,
  now: number,
  isModelPaused = false,
): Estimate {
  const { runs, isPaused, waiting, running } = moment
  const isQueued = task.claimableFrom <= now
  const position = isQueued ? tasksBefore(task, moment, now) : undefined
  const same = runs.filter(({ kind }) => kind === kindOf(task))
  const costs = same.flatMap(({ costMicroUsd }) => (costMicroUsd === null ? [] : [costMicroUsd]))
  const costMicroUsd = costs.length
    ? { low: percentile(costs, 0.1), high: percentile(costs, 0.9) }
    : undefined
  const held = isPaused ? 'paused' : isModelPaused ? 'circuit' : heldByOthers(task, isQueued)
  if (held)
    return {
      gate: held,
      position,
      start: undefined,
      finish: undefined,
      costMicroUsd,
    }

  const meanMs = runs.length ? runs.reduce((sum, { ms }) => sum + ms, 0) / runs.length : UNKNOWN_RUN_MS
  const oneMs = meanMs / Math.max(1, running)
  const waitMs = (position ?? waiting) * oneMs
  const latestMs = waitMs * (1 + MISSED_SHARE) + Math.min(LATE_MS, IDLE_MS + oneMs + waitMs * 1.5)
  const earliestMs = waitMs * (1 - MISSED_SHARE) - Math.min(EARLY_MS, waitMs / 2)
  const start = isQueued
    ? { earliest: now + earliestMs, latest: now + latestMs }
    : // The length of the queue at that time is not known: assume an empty one at best, today's at worst.
      { earliest: task.claimableFrom, latest: task.claimableFrom + latestMs }
  const times = same.map(({ ms }) => ms)
  const finish = times.length
    ? {
        earliest: start.earliest + percentile(times, 0.1),
        latest: start.latest + percentile(times, 0.9),
      }
    : undefined
  const gate = isQueued ? 'queue' : task.status === 'RETRYING' ? 'retry' : 'schedule'
  return { gate, position, start, finish, costMicroUsd }
}

/** Whether the end of another task lets this one run: one with its concurrency key, or any of its tenant. */
function heldByOthers(
  { turnWaits, sends, concurrencyKey }: Partial<Pick<Task, 'sends' | 'turnWaits' | 'concurrencyKey'>>,
  isQueued: boolean,
): 'key' | 'limit' | undefined {
  if (isQueued || turnWaits === undefined || sends !== 0) return undefined
  return concurrencyKey === undefined ? 'limit' : 'key'
}

/** Assumes that the waiting tasks arrived evenly between the youngest claimed one and now. */
function tasksBefore(
  { queuedAt }: Pick<Task, 'queuedAt'>,
  { waiting, watermark }: LaneMoment,
  now: number,
): number {
  // Without a backlog, a claim writes a watermark only once a minute, so the tasks that wait arrived after it.
  const isBacklog = watermark !== undefined && watermark.recordedAt - watermark.queuedAt > BACKLOG_WAIT_MS
  const from = isBacklog ? watermark.queuedAt : now - BACKLOG_WAIT_MS
  const share = now > from ? (queuedAt - from) / (now - from) : 1
  return Math.round(waiting * Math.min(1, Math.max(0, share)))
}

/** @param share 0 to 1. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[Math.round((sorted.length - 1) * share)] ?? 0
}

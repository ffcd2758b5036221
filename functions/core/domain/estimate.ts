/**
 * When a waiting task is likely to start and to end, from what its lane did lately.
 *
 * Each running task frees its slot after the mean duration, so that `running` of them take `running / mean` tasks a second
 * from the front of the queue. The bounds around that are what `test/unit/estimate.test.ts` finds in a simulated day: at least
 * eight of ten real starts fall between them.
 */
import { BACKLOG_WAIT_MS, type ClaimWatermark } from './overdue.ts'
import type { Task } from './task.ts'

/** One finished attempt. */
export interface RecentRun {
  /** Type and model: runs of one kind take and cost alike. */
  readonly kind: string
  readonly ms: number
  /** Null where tokens or price are not known. */
  readonly costMicroUsd: number | null
}

/** What is known of a lane at one moment. */
export interface LaneMoment {
  /** Messages that could be received. */
  readonly waiting: number
  /** Messages in the hands of workers. */
  readonly running: number
  readonly isPaused: boolean
  /** How far the lane has come with the tenant's tasks, as far as anybody noted it. */
  readonly watermark: ClaimWatermark | undefined
  readonly runs: readonly RecentRun[]
}

/** Milliseconds since 1970. */
export interface Band {
  readonly earliest: number
  readonly latest: number
}

export interface Estimate {
  /** What it waits for. */
  readonly gate: 'schedule' | 'retry' | 'queue' | 'paused' | 'circuit' | 'key' | 'limit'
  /** About how many tasks are before it; undefined for one that is not in the queue. */
  readonly position: number | undefined
  /** Undefined while its lane, or its model's calls, are paused, and while another task must end first. */
  readonly start: Band | undefined
  /** Undefined, too, while nothing of its kind has ended lately. */
  readonly finish: Band | undefined
  readonly costMicroUsd: { readonly low: number; readonly high: number } | undefined
}

/** A worker that has to be started, and a look of the event source that has just missed the message. */
const IDLE_MS = 2_500
/** With no run known: what tasks of this product take, as its users say. */
const UNKNOWN_RUN_MS = 10_000
/** By how much the middle of what is expected is missed, as a share of it. */
const MISSED_SHARE = 0.3
/** The queue's count is some seconds old, and tasks come in bursts: longer waits are missed by so much besides. */
const EARLY_MS = 12_000
const LATE_MS = 40_000

export const kindOf = ({ type, model }: Pick<Task, 'type' | 'model'>): string => `${type} ${model ?? ''}`

/**
 * @param task one that waits: scheduled, queued, or for its next attempt.
 * @param isModelPaused its model keeps failing, and calls of it are held back.
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
    : // How long the queue will be then nobody knows: at best empty, at worst as now.
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

/** Whose end lets it run: of a task with its key, or of any of its tenant. It looks by itself at a time that tells nothing. */
function heldByOthers(
  { turnWaits, sends, concurrencyKey }: Partial<Pick<Task, 'sends' | 'turnWaits' | 'concurrencyKey'>>,
  isQueued: boolean,
): 'key' | 'limit' | undefined {
  if (isQueued || turnWaits === undefined || sends !== 0) return undefined
  return concurrencyKey === undefined ? 'limit' : 'key'
}

/** Those who wait came between the youngest claimed and now, about evenly. */
function tasksBefore(
  { queuedAt }: Pick<Task, 'queuedAt'>,
  { waiting, watermark }: LaneMoment,
  now: number,
): number {
  // A claim after a short wait leaves a mark once a minute only; what waits then came since.
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

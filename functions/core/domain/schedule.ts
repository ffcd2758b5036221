/**
 * A schedule is a row in the due index. The sweeper reads it a little early, submits each planned firing as a `SCHEDULED`
 * task whose id is derived from the schedule and the planned time, and moves the row to its next due time. Submitting a
 * firing twice makes one task.
 */
import type { TaskKey } from './task.ts'

export type Timing =
  | { readonly kind: 'cron'; readonly expression: string; readonly timezone: string }
  /** Counted from `anchor`, so that a late firing does not delay the following ones. */
  | { readonly kind: 'rate'; readonly everyMs: number; readonly anchor: number }
  | { readonly kind: 'once'; readonly at: number }

export const OVERLAPS = ['skip', 'allow', 'cancel_running'] as const
/** What a firing does when the previous one still runs. */
export type Overlap = (typeof OVERLAPS)[number]

export const MISSED = ['skip', 'run_once', 'run_all'] as const
/** What happens to firings whose planned time passed during an outage or a pause. */
export type MissedPolicy = (typeof MISSED)[number]

export interface Schedule extends TaskKey {
  readonly name: string
  readonly timing: Timing
  readonly startAt?: number
  readonly endAt?: number
  readonly overlap: Overlap
  readonly missed: MissedPolicy
  /** Delays each firing by 0 to this many milliseconds, always the same for the same planned time. */
  readonly jitterMs: number
  /** JSON of the task's body as the caller sent it. */
  readonly task: string
  /** JSON of the submission for each firing, validated when the schedule was written. */
  readonly submission: string
  readonly isPaused: boolean
  /** `stage`: declared in the stage's file and not editable by the API. */
  readonly source: 'api' | 'stage'
  readonly createdAt: number
  readonly updatedAt: number
  /** SHA-256 of the request that created it, in canonical form. */
  readonly bodyHash?: string
  /** The next planned time; absent when there is none, or while paused. */
  readonly nextAt?: number
  readonly lastPlannedAt?: number
  readonly lastTaskId?: string
  /** The latest firing that was refused, because of the tenant's limits. */
  readonly lastRefused?: { readonly plannedAt: number; readonly code: string; readonly message: string }
  /**
   * Increased whenever firings that were submitted early are no longer valid: those are cancelled, and the same planned times
   * can be fired again.
   */
  readonly edition?: number
  readonly fired: number
  /** Planned times that passed without a firing, counted for the `missed` policy. */
  readonly missedCount: number
  /** Increased by every write. */
  readonly version: number
}

export interface ScheduleTimes {
  /** The first planned time after an instant; undefined when there is none. */
  next(timing: Timing, after: number): number | undefined
  /** The last planned time before an instant; undefined when there is none. */
  previous(timing: Timing, before: number): number | undefined
}

/** A firing later than this counts as missed: the cause is an outage or a long pause, not a slow sweep. */
export const MISSED_AFTER_MS = 5 * 60_000
/** `run_all` runs at most this many missed firings at once, the latest ones. */
export const MAX_CATCH_UP_FIRINGS = 100
/** Most firings per read of a schedule: one that fires each second has 75 in the look-ahead of 75 s. */
const MAX_FIRINGS = 200

export interface PlannedFirings {
  /** Planned times to submit now, oldest first. */
  readonly planned: readonly number[]
  /** Planned times that are skipped. Counted up to `MAX_CATCH_UP_FIRINGS` + 1. */
  readonly missed: number
  readonly nextAt: number | undefined
}

type Plan = Pick<Schedule, 'timing' | 'startAt' | 'endAt' | 'missed' | 'nextAt'>

/** The first planned time after an instant, between the schedule's start and end. */
export function nextPlanned(
  times: ScheduleTimes,
  { timing, startAt, endAt }: Pick<Plan, 'timing' | 'startAt' | 'endAt'>,
  after: number,
): number | undefined {
  const next = times.next(timing, Math.max(after, (startAt ?? 0) - 1))
  return next === undefined || (endAt !== undefined && next > endAt) ? undefined : next
}

/** The next `count` planned times after an instant, none of them after `until`. */
export function nextPlannedTimes(
  times: ScheduleTimes,
  schedule: Pick<Plan, 'timing' | 'startAt' | 'endAt'>,
  after: number,
  count: number,
  until = Number.POSITIVE_INFINITY,
): readonly number[] {
  const found: number[] = []
  for (let at: number | undefined = after; found.length < count; ) {
    at = nextPlanned(times, schedule, at)
    if (at === undefined || at > until) break
    found.push(at)
  }
  return found
}

/**
 * Decides which planned times of a due schedule are submitted now.
 *
 * @param horizon planned times up to here are submitted early.
 */
export function planFirings(
  times: ScheduleTimes,
  schedule: Plan,
  now: number,
  horizon: number,
): PlannedFirings {
  const first = schedule.nextAt
  if (first === undefined || first > horizon) return { planned: [], missed: 0, nextAt: first }
  const made =
    first < now - MISSED_AFTER_MS ? catchUpFirings(times, schedule, first, now) : { planned: [], missed: 0 }
  const planned = [...made.planned]
  let at: number | undefined =
    first < now - MISSED_AFTER_MS ? nextPlanned(times, schedule, now - MISSED_AFTER_MS - 1) : first
  while (at !== undefined && at <= horizon && planned.length < MAX_FIRINGS) {
    planned.push(at)
    at = nextPlanned(times, schedule, at)
  }
  return { planned, missed: made.missed, nextAt: at }
}

/** Planned times from `first` that are missed. Searched backwards, so that the limit keeps the latest. */
function catchUpFirings(
  times: ScheduleTimes,
  { timing, missed }: Plan,
  first: number,
  now: number,
): { readonly planned: readonly number[]; readonly missed: number } {
  const keep = missed === 'run_all' ? MAX_CATCH_UP_FIRINGS : missed === 'run_once' ? 1 : 0
  const planned: number[] = []
  let given = 0
  let at = times.previous(timing, now - MISSED_AFTER_MS)
  while (at !== undefined && at >= first && given <= MAX_CATCH_UP_FIRINGS) {
    if (planned.length < keep) planned.unshift(at)
    else given += 1
    at = times.previous(timing, at)
  }
  return { planned, missed: given }
}

/** When a firing starts: its planned time plus its jitter. */
export function firingStartOf(schedule: Pick<Schedule, 'id' | 'jitterMs'>, plannedAt: number): number {
  if (schedule.jitterMs === 0) return plannedAt
  return plannedAt + (hash32(`${schedule.id}/${plannedAt}`) % schedule.jitterMs)
}

/** FNV-1a, 32 bits: spreads evenly, and gives the same number on every machine. */
function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0
  return hash
}

const PLACEHOLDER = /\{\{\s*scheduled_time\s*\}\}/g

/** Replaces `{{scheduled_time}}` in every string of a value by the planned time in RFC 3339. */
export function withScheduledTime(value: unknown, plannedAt: number): unknown {
  if (typeof value === 'string') return value.replace(PLACEHOLDER, new Date(plannedAt).toISOString())
  if (Array.isArray(value)) return value.map((item) => withScheduledTime(item, plannedAt))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, withScheduledTime(item, plannedAt)]),
  )
}

/**
 * The text from which a firing's task id is derived. Starts with a character that no Idempotency-Key may contain, so that
 * no caller can create a task with this id.
 */
export const firingKey = ({ id, edition = 0 }: Pick<Schedule, 'id' | 'edition'>, plannedAt: number): string =>
  `\u0000schedule/${id}/${plannedAt}${edition === 0 ? '' : `/${edition}`}`

/** The fields that decide which tasks a schedule makes, and when. */
const FIRING_FIELDS = ['timing', 'startAt', 'endAt', 'overlap', 'jitterMs', 'submission'] as const

/** Whether tasks that one of the schedules submitted early are also valid for the other. */
export const firesTheSame = (
  left: Pick<Schedule, (typeof FIRING_FIELDS)[number]>,
  right: Pick<Schedule, (typeof FIRING_FIELDS)[number]>,
): boolean => haveEqualFields(FIRING_FIELDS, left, right)

/** Compares as text. Sorted, because the table does not keep the order of a map's fields. */
export const haveEqualFields = <Field extends keyof Schedule>(
  fields: readonly Field[],
  left: Pick<Schedule, Field>,
  right: Pick<Schedule, Field>,
): boolean => fields.every((field) => textOf(left[field]) === textOf(right[field]))

const textOf = (value: unknown): string | undefined =>
  value !== null && typeof value === 'object'
    ? JSON.stringify(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
    : JSON.stringify(value)

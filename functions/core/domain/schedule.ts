/**
 * A schedule is a row that is due. The sweeper looks a little ahead, submits each planned firing as a `SCHEDULED`
 * task whose id comes from schedule and planned time, and moves the row on to its next due time. Firing twice makes
 * one task.
 */
import type { TaskKey } from './task.ts'

export type Timing =
  | { readonly kind: 'cron'; readonly expression: string; readonly timezone: string }
  /** Counted from `anchor`, so that a late firing moves no later one. */
  | { readonly kind: 'rate'; readonly everyMs: number; readonly anchor: number }
  | { readonly kind: 'once'; readonly at: number }

export const OVERLAPS = ['skip', 'allow', 'cancel_running'] as const
/** What a firing does while the one before it still runs. */
export type Overlap = (typeof OVERLAPS)[number]

export const MISSED = ['skip', 'run_once', 'run_all'] as const
/** What happens to firings whose time passed while nothing could fire them. */
export type Missed = (typeof MISSED)[number]

export interface Schedule extends TaskKey {
  readonly name: string
  readonly timing: Timing
  readonly startAt?: number
  readonly endAt?: number
  readonly overlap: Overlap
  readonly missed: Missed
  /** Each firing is moved by 0 to this many milliseconds, the same for the same planned time. */
  readonly jitterMs: number
  /** JSON of the task's body as the caller sent it. */
  readonly task: string
  /** JSON of the submission that each firing makes, found valid when the schedule was written. */
  readonly submission: string
  readonly isPaused: boolean
  /** `stage`: declared by the stage, not editable by the API. */
  readonly source: 'api' | 'stage'
  readonly createdAt: number
  readonly updatedAt: number
  /** SHA-256 of the request that made it, in canonical form. */
  readonly bodyHash?: string
  /** The next planned time; absent when there is none, or while paused. */
  readonly nextAt?: number
  readonly lastPlannedAt?: number
  readonly lastTaskId?: string
  /** The latest firing that made no task, because the tenant's limits stood against it. */
  readonly lastRefused?: { readonly plannedAt: number; readonly code: string; readonly message: string }
  /**
   * Grows whenever firings that were submitted ahead of their time are no longer the right ones: those are cancelled, and the same
   * planned times can be fired again.
   */
  readonly edition?: number
  readonly fired: number
  /** Planned times that passed without a firing, by the `missed` policy. */
  readonly missedCount: number
  /** Grows with every write. */
  readonly version: number
}

/** Finds the times of a timing. */
export interface ScheduleTimes {
  /** The first planned time after an instant; undefined when there is none. */
  next(timing: Timing, after: number): number | undefined
  /** The last planned time before an instant; undefined when there is none. */
  previous(timing: Timing, before: number): number | undefined
}

/** A firing later than this was missed: an outage or a long pause is the cause, not a slow sweep. */
export const MISSED_AFTER_MS = 5 * 60_000
/** `run_all` makes up for at most so many missed firings at once, the latest ones. */
export const MAX_MADE_UP = 100
/** Firings of one look: a schedule that fires each second gives 75 in a look-ahead of 75 s. */
const MAX_FIRINGS = 200

export interface Firings {
  /** Planned times to submit now, oldest first. */
  readonly planned: readonly number[]
  /** Planned times that are given up. Counted up to `MAX_MADE_UP` + 1. */
  readonly missed: number
  readonly nextAt: number | undefined
}

type Plan = Pick<Schedule, 'timing' | 'startAt' | 'endAt' | 'missed' | 'nextAt'>

/** The first planned time after an instant, within start and end. */
export function nextPlanned(
  times: ScheduleTimes,
  { timing, startAt, endAt }: Pick<Plan, 'timing' | 'startAt' | 'endAt'>,
  after: number,
): number | undefined {
  const next = times.next(timing, Math.max(after, (startAt ?? 0) - 1))
  return next === undefined || (endAt !== undefined && next > endAt) ? undefined : next
}

/** The next `count` planned times after an instant, none of them after `until`. */
export function upcoming(
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
 * Which planned times of a due schedule are submitted now.
 *
 * @param horizon planned times up to here are submitted ahead of their time.
 */
export function planFirings(times: ScheduleTimes, schedule: Plan, now: number, horizon: number): Firings {
  const first = schedule.nextAt
  if (first === undefined || first > horizon) return { planned: [], missed: 0, nextAt: first }
  const made =
    first < now - MISSED_AFTER_MS ? makeUp(times, schedule, first, now) : { planned: [], missed: 0 }
  const planned = [...made.planned]
  let at: number | undefined =
    first < now - MISSED_AFTER_MS ? nextPlanned(times, schedule, now - MISSED_AFTER_MS - 1) : first
  while (at !== undefined && at <= horizon && planned.length < MAX_FIRINGS) {
    planned.push(at)
    at = nextPlanned(times, schedule, at)
  }
  return { planned, missed: made.missed, nextAt: at }
}

/** Planned times from `first` that passed more than `MISSED_AFTER_MS` ago, from the last to the first so that a bound keeps the latest. */
function makeUp(
  times: ScheduleTimes,
  { timing, missed }: Plan,
  first: number,
  now: number,
): { readonly planned: readonly number[]; readonly missed: number } {
  const keep = missed === 'run_all' ? MAX_MADE_UP : missed === 'run_once' ? 1 : 0
  const planned: number[] = []
  let given = 0
  let at = times.previous(timing, now - MISSED_AFTER_MS)
  while (at !== undefined && at >= first && given <= MAX_MADE_UP) {
    if (planned.length < keep) planned.unshift(at)
    else given += 1
    at = times.previous(timing, at)
  }
  return { planned, missed: given }
}

/** When a firing starts: its planned time plus the jitter that belongs to it. */
export function startOf(schedule: Pick<Schedule, 'id' | 'jitterMs'>, plannedAt: number): number {
  if (schedule.jitterMs === 0) return plannedAt
  return plannedAt + (hash32(`${schedule.id}/${plannedAt}`) % schedule.jitterMs)
}

/** FNV-1a, 32 bits: spreads, and gives the same number everywhere. */
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
 * What a firing's task id is derived from. Starts with a character that no Idempotency-Key may have, so that no caller
 * can take a firing's id.
 */
export const firingKey = ({ id, edition = 0 }: Pick<Schedule, 'id' | 'edition'>, plannedAt: number): string =>
  `\u0000schedule/${id}/${plannedAt}${edition === 0 ? '' : `/${edition}`}`

/** What decides which tasks a schedule makes, and when. */
const FIRING_FIELDS = ['timing', 'startAt', 'endAt', 'overlap', 'jitterMs', 'submission'] as const

/** Whether tasks that one of them submitted ahead of their time are right for the other as well. */
export const firesTheSame = (
  left: Pick<Schedule, (typeof FIRING_FIELDS)[number]>,
  right: Pick<Schedule, (typeof FIRING_FIELDS)[number]>,
): boolean => isSameIn(FIRING_FIELDS, left, right)

/** Field by field as text: the table keeps no order of a map's fields, hence the sort. */
export const isSameIn = <Field extends keyof Schedule>(
  fields: readonly Field[],
  left: Pick<Schedule, Field>,
  right: Pick<Schedule, Field>,
): boolean => fields.every((field) => textOf(left[field]) === textOf(right[field]))

const textOf = (value: unknown): string | undefined =>
  value !== null && typeof value === 'object'
    ? JSON.stringify(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
    : JSON.stringify(value)

/** The limits of each tenant of a stage. A limit that is not set costs no write. */
import { type Budget, hasBudget } from './budget.ts'
import { RequestError } from './errors.ts'

export interface TenantLimits {
  /** Tasks that have not ended, waiting ones included. */
  readonly openTasks?: number | undefined
  /** Open tasks whose first attempt has not begun. */
  readonly queuedTasks?: number | undefined
  /** Tasks with a running attempt; further ones wait and are not refused. */
  readonly runningTasks?: number | undefined
  readonly schedules?: number | undefined
  /** Workflows that have not ended. */
  readonly workflows?: number | undefined
  /** All requests except submits, which `submitsPerMinute` limits. */
  readonly requestsPerMinute?: number | undefined
  /** Requests that may arrive at once; the same as `requestsPerMinute` when left out. */
  readonly requestBurst?: number | undefined
  readonly submitsPerMinute?: number | undefined
  /** Submits that may arrive at once; the same as `submitsPerMinute` when left out. */
  readonly burst?: number | undefined
  /** Bytes of an input as JSON, without the files of uploads. */
  readonly payloadBytes?: number | undefined
  readonly budget?: Budget | undefined
}

/** Limits that can be set per tenant; the stage's value holds for those left out. */
export const OWN_LIMITS = [
  'openTasks',
  'queuedTasks',
  'runningTasks',
  'schedules',
  'workflows',
  'requestsPerMinute',
  'requestBurst',
  'submitsPerMinute',
  'burst',
  'payloadBytes',
  'usdPerDay',
  'usdPerMonth',
] as const
export type OwnLimits = { readonly [Name in (typeof OWN_LIMITS)[number]]?: number | undefined }

/** The stage's limits, replaced by the tenant's own where set. */
export function effectiveLimits(stage: TenantLimits, own: OwnLimits = {}): TenantLimits {
  const { usdPerDay = stage.budget?.usdPerDay, usdPerMonth = stage.budget?.usdPerMonth, ...counts } = own
  const { burst, requestBurst, ...rest } = stage
  const limits: TenantLimits = {
    ...rest,
    // A burst belongs to its rate: the stage's burst does not apply to a tenant's own rate.
    ...(own.submitsPerMinute === undefined && burst !== undefined ? { burst } : {}),
    ...(own.requestsPerMinute === undefined && requestBurst !== undefined ? { requestBurst } : {}),
    ...counts,
    budget: { ...stage.budget, usdPerDay, usdPerMonth },
  }
  if (limits.submitsPerMinute !== undefined || limits.requestsPerMinute === undefined) return limits
  return { ...limits, submitsPerMinute: limits.requestsPerMinute, burst: limits.requestBurst }
}

/** The highest possible limit of open tasks when tasks or money are counted: all of them are in one row. */
export const MAX_COUNTED_TASKS = 5_000

/** Whether each task takes a place, which its end frees. */
export const needsPlace = ({ openTasks, queuedTasks, budget }: TenantLimits): boolean =>
  openTasks !== undefined || queuedTasks !== undefined || hasBudget(budget)

export const maxOpenTasks = ({ openTasks = MAX_COUNTED_TASKS }: TenantLimits): number => openTasks

export type LimitName = 'open_tasks' | 'queued_tasks' | 'requests' | 'submits' | 'schedules' | 'workflows'

/** Which limit refused, and when to try again. */
export interface LimitReached {
  readonly limit: LimitName
  readonly retryAfterMs: number
}

/** A rate: events per minute on average, and events at once. */
export interface Rate {
  readonly perMinute: number
  /** The same as `perMinute` when left out. */
  readonly burst?: number | undefined
}

export const submitRate = ({ submitsPerMinute: perMinute, burst }: TenantLimits): Rate | undefined =>
  perMinute === undefined ? undefined : { perMinute, burst }

export const requestRate = ({
  requestsPerMinute: perMinute,
  requestBurst: burst,
}: TenantLimits): Rate | undefined => (perMinute === undefined ? undefined : { perMinute, burst })

/** Time between two events at the average rate. */
export const intervalMs = ({ perMinute }: Rate): number => 60_000 / perMinute

/** Intervals such as 60,000 / 17 ms are rounded: without this tolerance the last event of a burst would be refused. */
const ROUNDING_MS = 0.01

/**
 * How far in the future the planned time of the next event may be (generic cell rate algorithm). The planned time is the
 * only state, so one conditional write both checks and updates it.
 */
export const toleranceMs = (rate: Rate): number =>
  ((rate.burst ?? rate.perMinute) - 1) * intervalMs(rate) + ROUNDING_MS

/** @returns the wait when the planned time is too far in the future; undefined when the event is allowed. */
export function waitMsOf(rate: Rate, planned: number, now: number): number | undefined {
  const waitMs = planned - now - toleranceMs(rate)
  return planned > now && waitMs > 0 ? Math.ceil(waitMs) : undefined
}

/** When to try again: tasks and workflows end at any time, schedules are only deleted by hand. */
export const PLACES_RETRY_MS = { open_tasks: 5_000, queued_tasks: 5_000, workflows: 5_000, schedules: 60_000 }

/** The value of a limit, and its text in an error. */
function quotaOf(limit: LimitName, limits: TenantLimits): { quota: number; window?: number; rule: string } {
  const { queuedTasks = 0, schedules = 0, workflows = 0, submitsPerMinute = 0, burst } = limits
  const { requestsPerMinute = 0, requestBurst } = limits
  switch (limit) {
    case 'open_tasks':
      return {
        quota: maxOpenTasks(limits),
        rule: `at most ${maxOpenTasks(limits)} of your tasks may be unfinished at once`,
      }
    case 'queued_tasks':
      return { quota: queuedTasks, rule: `at most ${queuedTasks} of your tasks may wait at once to begin` }
    case 'schedules':
      return { quota: schedules, rule: `you may have at most ${schedules} schedules` }
    case 'workflows':
      return { quota: workflows, rule: `at most ${workflows} of your workflows may run at once` }
    case 'requests':
      return {
        quota: requestBurst ?? requestsPerMinute,
        window: 60,
        rule: `at most ${requestsPerMinute} requests a minute`,
      }
    case 'submits':
      return {
        quota: burst ?? submitsPerMinute,
        window: 60,
        rule: `at most ${submitsPerMinute} submits a minute`,
      }
  }
}

/** The 429 answer, with the headers of the RateLimit draft. */
export function limitReached({ limit, retryAfterMs }: LimitReached, limits: TenantLimits): RequestError {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000))
  const { quota, window, rule } = quotaOf(limit, limits)
  return new RequestError(
    'limit_reached',
    `Your limit is reached: ${rule}. Try again in ${seconds} s.`,
    [{ path: '', message: `limit ${limit}: ${rule}.` }],
    {
      retryAfterMs,
      detail: {
        rateLimit: `"${limit}";r=0;t=${seconds}`,
        rateLimitPolicy: `"${limit}";q=${quota}${window === undefined ? '' : `;w=${window}`}`,
      },
    },
  )
}

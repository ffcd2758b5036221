/** What a stage lets each of its tenants do. A limit that is left out costs nothing. */
import { type Budget, hasBudget } from './budget.ts'
import { RequestError } from './errors.ts'

export interface TenantLimits {
  /** Tasks that have not ended, waiting ones included. */
  readonly openTasks?: number | undefined
  /** Of these, tasks that no attempt has begun. */
  readonly queuedTasks?: number | undefined
  /** Tasks whose attempt runs; further ones wait, and are not refused. */
  readonly runningTasks?: number | undefined
  readonly schedules?: number | undefined
  /** Workflows that have not ended. */
  readonly workflows?: number | undefined
  /** Of every kind but submits, which are counted apart, with the place that each takes; `submitsPerMinute` is theirs alone. */
  readonly requestsPerMinute?: number | undefined
  /** Requests that may come at once; as many as in a minute when left out. */
  readonly requestBurst?: number | undefined
  readonly submitsPerMinute?: number | undefined
  /** Submits that may come at once; as many as in a minute when left out. */
  readonly burst?: number | undefined
  /** Bytes of an input as JSON; files of uploads are not in it. */
  readonly payloadBytes?: number | undefined
  readonly budget?: Budget | undefined
}

/** What a tenant may have of its own; what is left out is the stage's. */
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

/** The stage's limits with a tenant's own in their place. */
export function effectiveLimits(stage: TenantLimits, own: OwnLimits = {}): TenantLimits {
  const { usdPerDay = stage.budget?.usdPerDay, usdPerMonth = stage.budget?.usdPerMonth, ...counts } = own
  const { burst, requestBurst, ...rest } = stage
  const limits: TenantLimits = {
    ...rest,
    // A burst goes with its rate: the stage's says nothing about a tenant's own.
    ...(own.submitsPerMinute === undefined && burst !== undefined ? { burst } : {}),
    ...(own.requestsPerMinute === undefined && requestBurst !== undefined ? { requestBurst } : {}),
    ...counts,
    budget: { ...stage.budget, usdPerDay, usdPerMonth },
  }
  if (limits.submitsPerMinute !== undefined || limits.requestsPerMinute === undefined) return limits
  return { ...limits, submitsPerMinute: limits.requestsPerMinute, burst: limits.requestBurst }
}

/** Open tasks of a tenant that are counted, or whose money is, at most: all are in one row. */
export const MOST_COUNTED = 5_000

/** Whether a task takes a place, which its end gives back. */
export const takesPlace = ({ openTasks, queuedTasks, budget }: TenantLimits): boolean =>
  openTasks !== undefined || queuedTasks !== undefined || hasBudget(budget)

export const mostOpen = ({ openTasks = MOST_COUNTED }: TenantLimits): number => openTasks

export type LimitName = 'open_tasks' | 'queued_tasks' | 'requests' | 'submits' | 'schedules' | 'workflows'

/** Who was refused, and what would have to change. */
export interface LimitReached {
  readonly limit: LimitName
  readonly retryAfterMs: number
}

/** How many a minute of a steady stream, and how many at once. */
export interface Rate {
  readonly perMinute: number
  /** As many as in a minute when left out. */
  readonly burst?: number | undefined
}

export const submitRate = ({ submitsPerMinute: perMinute, burst }: TenantLimits): Rate | undefined =>
  perMinute === undefined ? undefined : { perMinute, burst }

export const requestRate = ({
  requestsPerMinute: perMinute,
  requestBurst: burst,
}: TenantLimits): Rate | undefined => (perMinute === undefined ? undefined : { perMinute, burst })

/** Between two of a steady stream. */
export const intervalMs = ({ perMinute }: Rate): number => 60_000 / perMinute

/** An interval like 60,000 / 17 ms is no finite number: without it the last of a burst is refused by a rounded digit. */
const ROUNDING_MS = 0.01

/**
 * How far ahead of now the next one's planned time may lie (the generic cell rate algorithm): one number is the whole
 * state, so that one conditional write both asks and takes.
 */
export const toleranceMs = (rate: Rate): number =>
  ((rate.burst ?? rate.perMinute) - 1) * intervalMs(rate) + ROUNDING_MS

/** @returns how long to wait, where the next one's planned time is too far ahead; undefined for one that may come. */
export function waitMsOf(rate: Rate, planned: number, now: number): number | undefined {
  const waitMs = planned - now - toleranceMs(rate)
  return planned > now && waitMs > 0 ? Math.ceil(waitMs) : undefined
}

/** How soon a look at what is counted is worth it: tasks and workflows end when they end, schedules when they are deleted. */
export const PLACES_RETRY_MS = { open_tasks: 5_000, queued_tasks: 5_000, workflows: 5_000, schedules: 60_000 }

/** What a limit lets a tenant have, and how it is said. */
function quotaOf(limit: LimitName, limits: TenantLimits): { quota: number; window?: number; rule: string } {
  const { queuedTasks = 0, schedules = 0, workflows = 0, submitsPerMinute = 0, burst } = limits
  const { requestsPerMinute = 0, requestBurst } = limits
  switch (limit) {
    case 'open_tasks':
      return {
        quota: mostOpen(limits),
        rule: `at most ${mostOpen(limits)} of your tasks may be unfinished at once`,
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

/** The refusal as a caller sees it, with the headers of the RateLimit draft. */
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

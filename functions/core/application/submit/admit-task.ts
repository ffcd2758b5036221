import {
  ALARM_PERCENT,
  type BudgetUse,
  budgetExhausted,
  hasBudget,
  percentUsed,
  type Reservation,
} from '../../domain/budget.ts'
import { RequestError } from '../../domain/errors.ts'
import { limitReached, needsPlace, type TenantLimits } from '../../domain/limits.ts'
import { isFinal } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import type { OpenTask, TakePlaceResult, TenantMeter } from '../../ports/tenant-meter.ts'
import type { AdmittedTask, Origin } from './submit-task.ts'

export interface AdmitDependencies {
  readonly meter: TenantMeter
  readonly store: Pick<TaskStore, 'get'>
  readonly limits: TenantLimits
  readonly clock: Clock
  readonly log: Log
}

/** After a place is taken, its row is written within seconds; an older place without a row is free. */
const ORPHAN_MS = 60_000
/** Places that are checked when none is free: the oldest, and as many others at random. */
const SAMPLED = 15

/**
 * Checks a tenant's limits for a submit, or for the next epoch of a finished task, and takes a place.
 *
 * A process that stops between place and row leaves a place without a task. Such places are searched for only when places or
 * money are short: then some are compared with their rows, and those of ended or missing tasks are freed.
 *
 * @returns the place, which the task's end must free; undefined when the tenant has no such limits.
 * @throws RequestError `limit_reached`, `budget_exhausted`; `wrong_state` when the task's highest cost is unknown.
 */
export async function admitTask(
  { meter, store, limits: all, clock, log }: AdmitDependencies,
  { tenant, id: taskId, model, worstMicroUsd: worst, inputBytes = 0 }: AdmittedTask,
  origin: Origin = 'caller',
): Promise<Reservation | undefined> {
  const { budget, openTasks, queuedTasks, submitsPerMinute, burst, payloadBytes } = all
  if (hasBudget(budget) && model !== null && worst === undefined)
    throw new RequestError(
      'wrong_state',
      'Nobody knows what the task may cost, and its tenant has a budget: it was made before that. Submit it again, with max_cost_usd.',
    )
  if (payloadBytes !== undefined && inputBytes > payloadBytes)
    throw new RequestError(
      'payload_too_large',
      `Your limit is reached: an input may have ${payloadBytes} bytes, and this one has ${inputBytes}. Send what is large as a file by POST /uploads.`,
      [{ path: 'input', message: `limit payload_bytes: at most ${payloadBytes} bytes.` }],
    )
  // A task without model calls costs nothing.
  const worstMicroUsd = worst ?? 0
  const limits: TenantLimits = {
    ...(origin === 'inner' ? {} : { openTasks, queuedTasks }),
    ...(origin === 'caller' ? { submitsPerMinute, burst } : {}),
    ...(worstMicroUsd > 0 ? { budget } : {}),
  }
  if (!needsPlace(limits) && limits.submitsPerMinute === undefined) return undefined
  const take = () => meter.take(tenant, taskId, limits, clock.now(), worstMicroUsd)
  let taken = await take()
  if (isShort(taken) && (await freeOrphans(taken.open))) taken = await take()
  if ('refused' in taken) {
    const { refused } = taken
    if (isBudgetUse(refused)) log('budget.exhausted', { tenant, used_percent: 100, limit: refused.limit })
    throw isBudgetUse(refused) ? budgetExhausted(refused, worstMicroUsd) : limitReached(refused, limits)
  }
  const percent = taken.totals && hasBudget(budget) ? percentUsed(budget, taken.totals) : 0
  if (percent >= ALARM_PERCENT) log('budget.high', { tenant, used_percent: Math.round(percent) })
  return taken.held

  async function freeOrphans(open: readonly OpenTask[]): Promise<boolean> {
    const old = open
      .filter(({ held }) => held.at < clock.now() - ORPHAN_MS)
      .sort((left, right) => left.held.at - right.held.at)
    // The oldest places may all belong to running tasks, so random others are checked too.
    const start = SAMPLED + Math.floor(clock.random() * Math.max(0, old.length - 2 * SAMPLED))
    const freed = await Promise.all(
      [...old.slice(0, SAMPLED), ...old.slice(start, start + SAMPLED)].map(async ({ id, held }) => {
        const task = await store.get({ tenant, id })
        const isItsOwn = task?.held?.at === held.at
        // An end with pending follow-ups frees the place by itself.
        if (isItsOwn && (!isFinal(task.status) || task.pending?.includes('release'))) return false
        await meter.settle(tenant, { id, held, spentMicroUsd: 0 }, clock.now())
        return true
      }),
    )
    return freed.includes(true)
  }
}

const isBudgetUse = (refused: object): refused is BudgetUse => 'limitUsd' in refused

const isShort = (taken: TakePlaceResult): taken is Extract<TakePlaceResult, { open: unknown }> =>
  'refused' in taken && taken.refused.limit !== 'submits'

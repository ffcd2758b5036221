/**
 * What a tenant may spend on models. A submit reserves the highest possible cost of its task; the end of the task replaces
 * the reservation by the actual cost. So spent plus reserved money never exceeds the limit.
 */
import { RequestError } from './errors.ts'
import type { Task } from './task.ts'

export interface Budget {
  readonly usdPerDay?: number | undefined
  readonly usdPerMonth?: number | undefined
  /** Upper limit of output tokens for a call that states no `max_tokens`. The worker sends it to the model as the limit. */
  readonly outputTokens?: number | undefined
  /** Assumed price of a model without a listed price, for input and output. When left out, such a model is refused. */
  readonly unknownUsdPerMillionTokens?: number | undefined
}

export const DEFAULT_OUTPUT_TOKENS = 4_096

/** A task's place among the open tasks of its tenant, and the money reserved for it. */
export interface Reservation {
  /** When the place was taken. Together with the task's id it identifies this reservation. */
  readonly at: number
  /** The most the task may still cost; left out where no budget is set. */
  readonly microUsd?: number
  /** What the task had cost before this reservation, in earlier epochs. */
  readonly before?: number
}

/** The UTC day and month that an instant belongs to. */
export interface Period {
  readonly day: string
  readonly month: string
}

export function periodOf(now: number): Period {
  const day = new Date(now).toISOString().slice(0, 10)
  return { day, month: day.slice(0, 7) }
}

const endOfDay = ({ day }: Period): number => Date.parse(day) + 86_400_000
function endOfMonth({ month }: Period): number {
  const [year, index] = month.split('-').map(Number)
  return Date.UTC(year ?? 0, index ?? 0, 1)
}

export const toMicro = (usd: number): number => Math.round(usd * 1_000_000)
const toUsd = (micro: number): number => micro / 1_000_000

export const hasBudget = (budget: Budget | undefined): budget is Budget =>
  budget?.usdPerDay !== undefined || budget?.usdPerMonth !== undefined

/** Spent and reserved money, in millionths of a dollar. A total is the money spent in the period plus all that is reserved. */
export interface Totals extends Period {
  readonly heldMicroUsd: number
  readonly dayMicroUsd: number
  readonly monthMicroUsd: number
}

export interface BudgetUse {
  readonly limit: 'usd_per_day' | 'usd_per_month'
  readonly limitUsd: number
  readonly spentUsd: number
  readonly heldUsd: number
  readonly leftUsd: number
  readonly resetsAt: number
}

/** How much of each limit is used. */
export function usesOf(budget: Budget, totals: Totals): readonly BudgetUse[] {
  const use = (
    limit: BudgetUse['limit'],
    limitUsd: number | undefined,
    total: number,
    resetsAt: number,
  ): readonly BudgetUse[] =>
    limitUsd === undefined
      ? []
      : [
          {
            limit,
            limitUsd,
            spentUsd: toUsd(total - totals.heldMicroUsd),
            heldUsd: toUsd(totals.heldMicroUsd),
            leftUsd: toUsd(Math.max(0, toMicro(limitUsd) - total)),
            resetsAt,
          },
        ]
  return [
    ...use('usd_per_day', budget.usdPerDay, totals.dayMicroUsd, endOfDay(totals)),
    ...use('usd_per_month', budget.usdPerMonth, totals.monthMicroUsd, endOfMonth(totals)),
  ]
}

/** The limit that a further cost would exceed; the tighter one when it would exceed both. */
export const limitPassed = (budget: Budget, totals: Totals, microUsd: number): BudgetUse | undefined =>
  [...usesOf(budget, totals)]
    .sort((left, right) => left.leftUsd - right.leftUsd)
    .find(({ leftUsd }) => toMicro(leftUsd) < microUsd)

/** The share of a budget at which an alarm notifies the operators. */
export const ALARM_PERCENT = 80

/** How much of its tightest limit is used up, in percent. */
export const percentUsed = (budget: Budget, totals: Totals): number =>
  Math.max(
    0,
    ...usesOf(budget, totals).map(({ limitUsd, leftUsd }) => 100 * (1 - leftUsd / Math.max(limitUsd, 1e-9))),
  )

const PERIOD_WORDS = { usd_per_day: 'day', usd_per_month: 'month' } as const

/** The 402 answer, with the amount that is left. */
export function budgetExhausted(use: BudgetUse, microUsd: number): RequestError {
  const resetsAt = new Date(use.resetsAt).toISOString()
  return new RequestError(
    'budget_exhausted',
    `The task may cost up to $${dollars(toUsd(microUsd))} and $${dollars(use.leftUsd)} of the $${dollars(use.limitUsd)} a ${PERIOD_WORDS[use.limit]} are left: $${dollars(use.spentUsd)} are spent and $${dollars(use.heldUsd)} held for tasks that have not ended. What they do not use is given back. Lower max_tokens, max_attempts or max_cost_usd, or come back after ${resetsAt}.`,
    [],
    {
      detail: {
        budget: {
          limit: use.limit,
          limit_usd: use.limitUsd,
          spent_usd: use.spentUsd,
          held_usd: use.heldUsd,
          left_usd: use.leftUsd,
          needed_usd: toUsd(microUsd),
          resets_at: resetsAt,
        },
      },
    },
  )
}

/** Without exponent: never as 1e-7. */
const dollars = (usd: number): string => usd.toFixed(6).replace(/(\.\d\d\d*?)0+$/, '$1')

/**
 * The cost of a task since its reservation. An unknown cost counts as the whole reservation, so that calls without a known
 * price cannot free budget for others.
 */
export const spentMicroUsd = ({ usage, held }: Pick<Task, 'usage' | 'held'>): number =>
  usage === undefined
    ? 0
    : usage.costMicroUsd === null
      ? (held?.microUsd ?? 0)
      : Math.max(0, usage.costMicroUsd - (held?.before ?? 0))

/**
 * A task that was cancelled during an attempt may still spend: until its worker has stopped and written its usage, or until
 * its lease ends.
 */
export const mayStillSpend = (task: Task, now: number): boolean =>
  task.status === 'CANCELLED' &&
  task.held?.microUsd !== undefined &&
  task.history.at(-1)?.outcome === 'cancelled' &&
  task.history.at(-1)?.epoch === task.epoch &&
  task.claimableFrom > now

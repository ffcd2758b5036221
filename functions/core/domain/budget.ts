/**
 * What a tenant may spend on models. A task's worst cost is held from its submit to its end, then what it cost takes the
 * place of what was held: at no moment can what is spent and what may yet be spent pass the limit.
 */
import { RequestError } from './errors.ts'
import type { Task } from './task.ts'

export interface Budget {
  readonly usdPerDay?: number | undefined
  readonly usdPerMonth?: number | undefined
  /** The most a call may answer that states no `max_tokens`; the worker asks the model for no more. */
  readonly outputTokens?: number | undefined
  /** What a model without a listed price is taken to cost, per million tokens of either kind. Left out, it is refused. */
  readonly unknownUsdPerMillionTokens?: number | undefined
}

export const DEFAULT_OUTPUT_TOKENS = 4_096

/** A task's place among the open ones of its tenant, and what is held for it. */
export interface Held {
  /** When it was taken; with the task's id, it tells one taking from another. */
  readonly at: number
  /** The most it may still cost; left out where nobody counts. */
  readonly microUsd?: number
  /** What it had cost before: a task that is retried by hand has a past. */
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

/** What is spent and held, in millionths of a dollar. Totals are what is spent in the period and all that is held. */
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

/** How far each limit is used. */
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

/** The limit that a further cost would pass, the tighter of two. */
export const limitPassed = (budget: Budget, totals: Totals, microUsd: number): BudgetUse | undefined =>
  [...usesOf(budget, totals)]
    .sort((left, right) => left.leftUsd - right.leftUsd)
    .find(({ leftUsd }) => toMicro(leftUsd) < microUsd)

/** Whoever runs the product is told from here on. */
export const ALARM_PERCENT = 80

/** How much of its tightest limit is used up, in percent. */
export const percentUsed = (budget: Budget, totals: Totals): number =>
  Math.max(
    0,
    ...usesOf(budget, totals).map(({ limitUsd, leftUsd }) => 100 * (1 - leftUsd / Math.max(limitUsd, 1e-9))),
  )

const PERIOD_WORDS = { usd_per_day: 'day', usd_per_month: 'month' } as const

/** 402: the refusal as a caller sees it, with what is left. */
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

/** Never in the form 1e-7. */
const dollars = (usd: number): string => usd.toFixed(6).replace(/(\.\d\d\d*?)0+$/, '$1')

/**
 * What a task of this row cost since its place was taken. Unknown cost is taken for all that was held: what nobody can add
 * up must not make room for more.
 */
export const spentMicroUsd = ({ usage, held }: Pick<Task, 'usage' | 'held'>): number =>
  usage === undefined
    ? 0
    : usage.costMicroUsd === null
      ? (held?.microUsd ?? 0)
      : Math.max(0, usage.costMicroUsd - (held?.before ?? 0))

/**
 * A task that was cancelled in the middle of an attempt may still be paying for it: its worker says what it used when it
 * has stopped, or its lease ends.
 */
export const maySpendYet = (task: Task, now: number): boolean =>
  task.status === 'CANCELLED' &&
  task.held?.microUsd !== undefined &&
  task.history.at(-1)?.outcome === 'cancelled' &&
  task.history.at(-1)?.epoch === task.epoch &&
  task.claimableFrom > now

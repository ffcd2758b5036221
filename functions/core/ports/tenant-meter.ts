import type { BudgetUse, Reservation, Totals } from '../domain/budget.ts'
import type { LimitReached, TenantLimits } from '../domain/limits.ts'

/** A task that has a place, since when, and the money reserved for it. */
export interface OpenTask {
  readonly id: string
  readonly held: Reservation
}

export type TakePlaceResult =
  /** The reservation, and the totals after it where there is a budget; undefined without such limits. */
  | { readonly held: Reservation | undefined; readonly totals?: Totals }
  | { readonly refused: LimitReached | BudgetUse; readonly open: readonly OpenTask[] }

export interface TenantCounts extends Totals {
  readonly openTasks: number
  readonly queuedTasks: number
}

/** The outcome of a task whose place is freed. */
export interface Settlement {
  readonly id: string
  readonly held: Reservation
  readonly spentMicroUsd: number
}

/**
 * Counts a tenant's submits, open tasks and money exactly: concurrent callers never exceed a limit.
 *
 * @throws UnavailableError when the store does not answer; then it is unknown whether a write succeeded.
 */
export interface TenantMeter {
  /**
   * Counts a submit, takes a place among the open tasks and reserves the task's highest possible cost, in one conditional write. A
   * task that already has a place keeps it, and no submit is counted.
   *
   * @returns the reservation; or the limit that refused, with the present open tasks.
   */
  take(
    tenant: string,
    taskId: string,
    limits: TenantLimits,
    now: number,
    worstMicroUsd?: number,
  ): Promise<TakePlaceResult>
  /**
   * Frees the place of a task, and replaces its reservation by its actual cost. Exactly once: repeating it has no effect, also
   * when the task has taken another place since.
   */
  settle(tenant: string, settlement: Settlement, now: number): Promise<void>
  /** The task's first attempt has begun: it no longer counts as waiting. Repeating it has no effect. */
  begin(tenant: string, taskId: string): Promise<void>
  /** The present spent and reserved money; undefined when nothing was counted yet. */
  totals(tenant: string, now: number): Promise<TenantCounts | undefined>
}

import type { BudgetUse, Held, Totals } from '../domain/budget.ts'
import type { LimitReached, TenantLimits } from '../domain/limits.ts'

/** A task that has a place, since when, and what is held for it. */
export interface OpenTask {
  readonly id: string
  readonly held: Held
}

export type Taken =
  /** The place, and the totals with it where money is counted; undefined where the limits know no places. */
  | { readonly held: Held | undefined; readonly totals?: Totals }
  | { readonly refused: LimitReached | BudgetUse; readonly open: readonly OpenTask[] }

export interface Counted extends Totals {
  readonly openTasks: number
  readonly queuedTasks: number
}

/** What became of a task whose place is given back. */
export interface Settlement {
  readonly id: string
  readonly held: Held
  readonly spentMicroUsd: number
}

/**
 * Counts what a tenant does and spends, exactly: of any number of callers at once no more get in than the limits let.
 *
 * @throws UnavailableError when the store does not answer; nothing is known then about the write.
 */
export interface TenantMeter {
  /**
   * Takes a submit, a place among the open tasks, and the most that the task may cost, in one conditional write. A task
   * that has its place already keeps it as it is, and no submit is taken.
   *
   * @returns the place; or what stood against it, with the open tasks that were seen.
   */
  take(
    tenant: string,
    taskId: string,
    limits: TenantLimits,
    now: number,
    worstMicroUsd?: number,
  ): Promise<Taken>
  /**
   * Gives the place of a task back, and puts what it cost in the place of what was held. Exactly once: again, or for
   * another taking of the same task's place, it changes nothing.
   */
  settle(tenant: string, settlement: Settlement, now: number): Promise<void>
  /** An attempt of the task begins: it is no longer one of those that wait for that. Again, it changes nothing. */
  begin(tenant: string, taskId: string): Promise<void>
  /** What is spent and held at this moment; undefined while nothing was counted. */
  totals(tenant: string, now: number): Promise<Counted | undefined>
}

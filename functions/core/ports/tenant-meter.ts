import type { LimitReached, TenantLimits } from '../domain/limits.ts'

/** A task that counts as open, and since when. */
export interface OpenTask {
  readonly id: string
  readonly since: number
}

/**
 * Counts what a tenant does, exactly: of any number of callers at once no more get in than the limits let.
 *
 * @throws UnavailableError when the store does not answer; nothing is known then about the write.
 */
export interface TenantMeter {
  /**
   * Takes a submit, and a place among the open tasks, in one conditional write. A task that has its place already keeps
   * it, and no submit is taken.
   *
   * @returns undefined when taken; or what stood against it, with the open tasks that were seen.
   */
  take(
    tenant: string,
    taskId: string,
    limits: TenantLimits,
    now: number,
  ): Promise<(LimitReached & { readonly open: readonly OpenTask[] }) | undefined>
  /** Gives the place of a task back. Doing it again changes nothing. */
  release(tenant: string, taskId: string): Promise<void>
}

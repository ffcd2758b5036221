import type { TaskKey } from '../domain/task.ts'

/** A row of a tenant, of whatever kind. */
export interface TenantRow {
  readonly pk: string
  readonly sk: string
}

/**
 * Finds and deletes what belongs to a task or a tenant, without knowing what it is.
 *
 * @throws UnavailableError when the table or the bucket does not answer; asking again goes on.
 */
export interface DataEraser {
  /** Deletes the items beside a task's row: checkpoints, text. @returns how many there were. */
  removeBeside(task: TaskKey): Promise<number>
  /** A tenant's rows but for the record of what was done, page by page. @param from `next` of an earlier page. */
  rowsOf(
    tenant: string,
    from?: string,
  ): AsyncIterable<{ readonly rows: readonly TenantRow[]; readonly next?: string }>
  removeRow(row: TenantRow): Promise<void>
}

export interface ObjectEraser {
  /** Deletes some hundred objects of a task, or of a whole tenant. @returns how many; 0 when there are none left. */
  removeSome(owner: { readonly tenant: string; readonly id?: string }): Promise<number>
}

import type { TaskKey } from '../domain/task.ts'

/** A row of any kind that belongs to a tenant. */
export interface TenantRow {
  readonly pk: string
  readonly sk: string
}

/**
 * Finds and deletes everything of a task or a tenant, whatever its kind.
 *
 * @throws UnavailableError when the table or the bucket does not answer; a repeated call continues.
 */
export interface DataEraser {
  /** Deletes the items in a task's partition except its row: checkpoints, text. @returns their number. */
  removeBeside(task: TaskKey): Promise<number>
  /** A tenant's rows except its audit log, page by page. @param from `next` of an earlier page. */
  rowsOf(
    tenant: string,
    from?: string,
  ): AsyncIterable<{ readonly rows: readonly TenantRow[]; readonly next?: string }>
  removeRow(row: TenantRow): Promise<void>
}

export interface ObjectEraser {
  /** Deletes some hundred objects of a task, or of a whole tenant. @returns their number; 0 when none are left. */
  removeSome(owner: { readonly tenant: string; readonly id?: string }): Promise<number>
}

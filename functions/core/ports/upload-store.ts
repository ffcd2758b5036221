import type { TaskKey } from '../domain/task.ts'
import type { Upload } from '../domain/upload.ts'

/**
 * Stores the row of each upload. One whose `ttl` has passed counts as deleted; the daily cleanup deletes its object and then
 * its row.
 *
 * @throws UnavailableError when the store does not answer; then it is unknown whether a write succeeded.
 */
export interface UploadStore {
  /** Creates the row; the id must be new. */
  create(
    upload: Upload,
  ): Promise<{ readonly created: true } | { readonly created: false; readonly existing: Upload }>
  /** Reads one row, strongly consistent. */
  get(key: TaskKey): Promise<Upload | undefined>
  /** Replaces the row that was read. @returns false when it has changed since. */
  replace(seen: Upload, next: Upload): Promise<boolean>
}

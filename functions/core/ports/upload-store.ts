import type { TaskKey } from '../domain/task.ts'
import type { Upload } from '../domain/upload.ts'

/**
 * Keeps what is known of each upload. One whose `ttl` has passed does not exist; the daily cleanup deletes its object
 * and then its row.
 *
 * @throws UnavailableError when the store does not answer; nothing is known then about the write.
 */
export interface UploadStore {
  /** Creates the row; ids are new ones. */
  create(
    upload: Upload,
  ): Promise<{ readonly created: true } | { readonly created: false; readonly existing: Upload }>
  /** Reads one row, strongly consistent. */
  get(key: TaskKey): Promise<Upload | undefined>
  /** Puts the row in the place of the one that was seen. @returns false when another version is stored. */
  replace(seen: Upload, next: Upload): Promise<boolean>
}

import { RequestError } from '../../domain/errors.ts'
import { DETECTION_BYTES, detectMediaType } from '../../domain/media-type.ts'
import type { TaskKey } from '../../domain/task.ts'
import type { Upload } from '../../domain/upload.ts'
import type { FileStore } from '../../ports/file-store.ts'
import type { UploadStore } from '../../ports/upload-store.ts'

interface Dependencies {
  readonly uploads: UploadStore
  readonly files: FileStore
}

/** @returns the upload; with `mediaType` once its bytes have arrived. @throws RequestError `not_found`. */
export async function getUpload({ uploads, files }: Dependencies, key: TaskKey): Promise<Upload> {
  const upload = await uploads.get(key)
  if (!upload) throw new RequestError('not_found', `There is no upload "${key.id.slice(0, 100)}".`)
  return withMediaType({ files }, upload)
}

/** Detects the media type from the bytes, once: name and declared type may be wrong. */
export async function withMediaType({ files }: Pick<Dependencies, 'files'>, upload: Upload): Promise<Upload> {
  if (upload.mediaType !== undefined) return upload
  const seen = await files.peek(upload, DETECTION_BYTES)
  return seen ? { ...upload, mediaType: detectMediaType(seen.head) } : upload
}

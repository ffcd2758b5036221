import { UPLOAD_LIMITS, type Upload } from '../../domain/upload.ts'
import type { Clock, Ids } from '../../ports/clock.ts'
import type { FileStore } from '../../ports/file-store.ts'
import type { UploadStore } from '../../ports/upload-store.ts'

export interface CreateUploadDependencies {
  readonly uploads: UploadStore
  readonly files: FileStore
  readonly clock: Clock
  readonly ids: Ids
}

/** Writes an upload's row and signs its URL. An upload that never arrives, or that no task uses, is deleted after a day. */
export async function createUpload(
  { uploads, files, clock, ids }: CreateUploadDependencies,
  asked: Pick<Upload, 'tenant' | 'name' | 'contentType' | 'bytes'>,
): Promise<{ readonly upload: Upload } & Awaited<ReturnType<FileStore['uploadLink']>>> {
  const now = clock.now()
  const upload: Upload = {
    ...asked,
    id: ids.taskId(),
    version: 1,
    createdAt: now,
    linkEndsAt: now + UPLOAD_LIMITS.linkSeconds * 1_000,
    ttl: Math.floor(now / 1_000) + UPLOAD_LIMITS.unusedSeconds,
  }
  const link = await files.uploadLink(upload, asked, UPLOAD_LIMITS.linkSeconds)
  await uploads.create(upload)
  return { upload, ...link }
}

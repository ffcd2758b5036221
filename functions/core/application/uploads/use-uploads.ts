import { LIMITS } from '../../../contract.ts'
import type { FieldError } from '../../domain/errors.ts'
import { needsLongerLife, UPLOAD_LIMITS, type UploadUse, uploadsIn, usedUntil } from '../../domain/upload.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FileStore } from '../../ports/file-store.ts'
import type { UploadStore } from '../../ports/upload-store.ts'
import { withMediaType } from './get-upload.ts'

export interface UseUploadsDependencies {
  readonly uploads: UploadStore
  readonly files: FileStore
  readonly retentionDays: number
  readonly clock: Clock
}

/** Checks the uploads that a task's input refers to, and extends their lifetime to the task's. */
export type UseUploads = (
  tenant: string,
  type: { readonly name: string; readonly accepts?: readonly string[] },
  input: unknown,
  path: string,
) => Promise<readonly FieldError[]>

/** Tries to write, because two submits may extend the same upload at the same time. */
const WRITES = 5

export const openUploadUse =
  (dependencies: UseUploadsDependencies): UseUploads =>
  async (tenant, type, input, path) => {
    const uses = uploadsIn(input, path)
    if (uses.length > UPLOAD_LIMITS.perTask)
      return [
        { path, message: `refers to ${uses.length} uploads; at most ${UPLOAD_LIMITS.perTask} are taken.` },
      ]
    const found = await Promise.all(uses.map((use) => check(dependencies, tenant, type, use)))
    return found.flatMap((problem) => problem ?? [])
  }

async function check(
  { uploads, files, retentionDays, clock }: UseUploadsDependencies,
  tenant: string,
  { name, accepts }: Parameters<UseUploads>[1],
  { path, id }: UploadUse,
): Promise<FieldError | undefined> {
  for (let write = 1; ; write += 1) {
    const seen = await uploads.get({ tenant, id })
    if (!seen)
      return {
        path,
        message: `is no upload: "${id.slice(0, 100)}". One that no task uses is gone after a day. Make one with POST /uploads.`,
      }
    const proven = await withMediaType({ files }, seen)
    const { mediaType } = proven
    if (mediaType === undefined)
      return {
        path,
        message: 'has not arrived yet. PUT the file to the address that POST /uploads gave, then submit.',
      }
    if (accepts && !accepts.includes(mediaType))
      return {
        path,
        message: `is ${mediaType} by its bytes; ${name} takes ${accepts.join(', ')}.`,
      }
    const until = usedUntil(clock.now(), LIMITS.maxDelayDays + retentionDays)
    if (seen.mediaType === mediaType && !needsLongerLife(seen, until)) return undefined
    if (await uploads.replace(seen, { ...proven, ttl: Math.max(seen.ttl, until) })) return undefined
    // Another submit wrote first; read again, since its lifetime is nearly always long enough.
    if (write === WRITES) return undefined
  }
}

import { MissingError, TaskError } from '../../domain/errors.ts'
import { FILE_NAME, plainFileName } from '../../domain/file-links.ts'
import { detectMediaType } from '../../domain/media-type.ts'
import type { Task } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { FileStore } from '../../ports/file-store.ts'
import type { StepScope } from '../../ports/step-scope.ts'
import type { UploadStore } from '../../ports/upload-store.ts'
import { retryUnavailable } from '../shared/retry-unavailable.ts'

export interface FileDependencies {
  readonly files: FileStore
  readonly uploads: UploadStore
  readonly stepScope: Pick<StepScope, 'fingerprint'>
  readonly clock: Clock
}

interface UploadRef {
  readonly upload: string
}
interface FileRef {
  readonly file: string
  readonly name: string
  readonly content_type: string
  readonly bytes: number
}

const LINK_SECONDS = 3_600
const MAX_BYTES = 100_000_000

/** The files of one attempt, as `core/kit/define-task.ts` offers them to authors. Only objects of the task's tenant. */
export function openTaskFiles(
  { files, uploads, stepScope, clock }: FileDependencies,
  task: Task,
  signal: AbortSignal,
) {
  const upload = async ({ upload: id }: UploadRef) => {
    const found = await retryUnavailable(clock, () => uploads.get({ tenant: task.tenant, id }))
    if (found) return found
    throw missing(`The upload "${id.slice(0, 100)}"`)
  }
  const ownName = ({ file }: FileRef): string => {
    if (FILE_NAME.test(file)) return file
    throw missing(`The file "${file.slice(0, 100)}"`)
  }
  return {
    read: async (ref: UploadRef | FileRef) => {
      signal.throwIfAborted()
      const known = 'upload' in ref ? await upload(ref) : undefined
      try {
        const bytes = await retryUnavailable(clock, () =>
          'upload' in ref ? files.readUpload(known ?? task) : files.read(task, ownName(ref)),
        )
        signal.throwIfAborted()
        const name = 'upload' in ref ? (known?.name ?? null) : ref.name
        return { bytes, name, mediaType: detectMediaType(bytes) }
      } catch (error) {
        throw error instanceof MissingError ? missing('The file behind the reference', error) : error
      }
    },
    write: async (file: {
      readonly name: string
      readonly contentType: string
      readonly bytes: Uint8Array
    }): Promise<FileRef> => {
      if (file.bytes.byteLength > MAX_BYTES)
        throw new TaskError(`A file has at most ${MAX_BYTES} bytes, not ${file.bytes.byteLength}.`, {
          code: 'file_too_large',
        })
      // Named by a hash of its content, so that a repeated attempt writes the same object.
      const content = stepScope.fingerprint(file.bytes)
      const name = `file-${stepScope.fingerprint(`${file.name} ${content}`).slice(0, 32)}`
      signal.throwIfAborted()
      await retryUnavailable(clock, () => files.write(task, name, file.bytes, file.contentType))
      return {
        file: name,
        name: plainFileName(file.name),
        content_type: file.contentType,
        bytes: file.bytes.byteLength,
      }
    },
    url: async (ref: UploadRef | FileRef): Promise<string> =>
      'upload' in ref
        ? files.link(await upload(ref), LINK_SECONDS)
        : files.link(task, LINK_SECONDS, ownName(ref), ref.name),
  }
}

const missing = (what: string, cause?: unknown) =>
  new TaskError(`${what} has been deleted.`, { code: 'upload_missing', cause })

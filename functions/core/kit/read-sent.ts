import type { TaskFiles, UploadRef } from './define-task.ts'

/** A file in the input itself, or an uploaded one. */
export type SentFile = UploadRef | { readonly name?: string | undefined; readonly base64: string }

/** The bytes of a file of either kind. Call it inside the function given to `heavy`, so that they are loaded only in turn. */
export async function readSent(
  files: TaskFiles,
  file: SentFile,
): Promise<{ readonly bytes: Uint8Array; readonly name: string | null }> {
  if ('upload' in file) return files.read(file)
  return { bytes: Buffer.from(file.base64, 'base64'), name: file.name ?? null }
}

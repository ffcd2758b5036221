import type { TaskFiles, UploadRef } from './define-task.ts'

/** A file in the input itself, or one that was uploaded. */
export type SentFile = UploadRef | { readonly name?: string | undefined; readonly base64: string }

/** Gives the bytes of a file either way. Within `heavy`'s function, so that they are in memory when their turn has come. */
export async function readSent(
  files: TaskFiles,
  file: SentFile,
): Promise<{ readonly bytes: Uint8Array; readonly name: string | null }> {
  if ('upload' in file) return files.read(file)
  return { bytes: Buffer.from(file.base64, 'base64'), name: file.name ?? null }
}

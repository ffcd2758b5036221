import type { TaskKey } from '../domain/task.ts'

/**
 * Keeps files as they are, in the bucket of the payloads: what callers upload, and what tasks write.
 *
 * @throws UnavailableError when the bucket does not answer, MissingError for a file that is not there.
 */
export interface FileStore {
  /** An address that takes one PUT of exactly this type and size, with these headers, for so many seconds. */
  uploadLink(
    key: TaskKey,
    file: { readonly contentType: string; readonly bytes: number },
    seconds: number,
  ): Promise<{ readonly url: string; readonly headers: Readonly<Record<string, string>> }>
  /** Size and first bytes of an upload; undefined while nothing has been uploaded. */
  peek(
    key: TaskKey,
    bytes: number,
  ): Promise<{ readonly bytes: number; readonly head: Uint8Array } | undefined>
  /** An upload's bytes. */
  readUpload(key: TaskKey): Promise<Uint8Array>
  /** Deletes an upload's bytes; those that are gone already are fine. */
  removeUpload(key: TaskKey): Promise<void>
  /** Keeps a file of a task under a name of its own; the same name again is harmless. */
  write(key: TaskKey, file: string, bytes: Uint8Array, contentType: string): Promise<void>
  /** The bytes of a file that a task wrote. */
  read(key: TaskKey, file: string): Promise<Uint8Array>
  /**
   * An address from which whoever has it may read the file, for so many seconds.
   * @param file what `write` was told; without it, the upload itself.
   * @param downloadName what a browser saves it as.
   */
  link(key: TaskKey, seconds: number, file?: string, downloadName?: string): Promise<string>
}

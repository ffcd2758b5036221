import type { TaskKey } from '../domain/task.ts'

/**
 * Stores files unchanged in the bucket of the payloads: uploads of callers, and files that tasks write.
 *
 * @throws UnavailableError when the bucket does not answer, MissingError for a missing file.
 */
export interface FileStore {
  /** A URL that accepts one PUT of exactly this type and size, with these headers, for `seconds`. */
  uploadLink(
    key: TaskKey,
    file: { readonly contentType: string; readonly bytes: number },
    seconds: number,
  ): Promise<{ readonly url: string; readonly headers: Readonly<Record<string, string>> }>
  /** Size and first bytes of an upload; undefined before it was uploaded. */
  peek(
    key: TaskKey,
    bytes: number,
  ): Promise<{ readonly bytes: number; readonly head: Uint8Array } | undefined>
  /** An upload's bytes. */
  readUpload(key: TaskKey): Promise<Uint8Array>
  /** Deletes an upload's bytes; succeeds when they are already deleted. */
  removeUpload(key: TaskKey): Promise<void>
  /** Stores a file of a task under its name; writing the same name again is harmless. */
  write(key: TaskKey, file: string, bytes: Uint8Array, contentType: string): Promise<void>
  /** The bytes of a file that a task wrote. */
  read(key: TaskKey, file: string): Promise<Uint8Array>
  /**
   * A URL that allows everybody who has it to read the file, for `seconds`.
   * @param file its name in `write`; left out for an upload.
   * @param downloadName the name under which a browser saves it.
   */
  link(key: TaskKey, seconds: number, file?: string, downloadName?: string): Promise<string>
}

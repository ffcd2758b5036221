import type { Payload, TaskKey } from '../domain/task.ts'

/**
 * Keeps inputs and results that are too large for the row. Objects are written once and expire with the task.
 *
 * @throws UnavailableError when the bucket does not answer, MissingError for an object that is gone, MisconfiguredError
 * when it refuses the function.
 */
export interface PayloadStore {
  /**
   * Small JSON comes back as is; larger JSON is stored and comes back as a pointer.
   * @param part names the object under the task, e.g. `input-<token>`: a repeated write of the same part is harmless.
   * @param inlineBytes what is small, where a row holds many.
   */
  keep(key: TaskKey, part: string, json: string, inlineBytes?: number): Promise<Payload>
  /** The JSON text behind a payload. */
  read(payload: Payload): Promise<string>
  /** An address from which whoever has it may read a stored payload for so many seconds. */
  link(payload: Payload, seconds: number): Promise<string>
  /** Deletes what `keep` stored; one that is gone already is fine. */
  remove(payload: Payload): Promise<void>
}

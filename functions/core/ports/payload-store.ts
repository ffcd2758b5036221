import type { Payload, TaskKey } from '../domain/task.ts'

/**
 * Stores inputs and results that are too large for the row. Objects are written once and expire with the task.
 *
 * @throws UnavailableError when the bucket does not answer, MissingError for a missing object, MisconfiguredError
 * when it refuses the function.
 */
export interface PayloadStore {
  /**
   * Returns small JSON unchanged; stores larger JSON and returns a pointer.
   * @param part name of the object within the task, e.g. `input-<token>`: writing the same part again is harmless.
   * @param inlineBytes the size that counts as small, for rows that hold many payloads.
   */
  keep(key: TaskKey, part: string, json: string, inlineBytes?: number): Promise<Payload>
  /** The JSON text of a payload. */
  read(payload: Payload): Promise<string>
  /** A URL that allows everybody who has it to read a stored payload, for `seconds`. */
  link(payload: Payload, seconds: number): Promise<string>
  /** Deletes what `keep` stored; succeeds when it is already deleted. */
  remove(payload: Payload): Promise<void>
}

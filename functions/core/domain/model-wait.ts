/** On the row of a task that waits for its time. */
export interface ModelWait {
  readonly circuit: string
  /** When it first waited, in this row of waits. */
  readonly since: number
  /** Its planned start; left out where nothing could be planned yet. */
  readonly startAt?: number
}

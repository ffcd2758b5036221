/** Stored on the row of a task whose model call is planned for a later time. */
export interface ModelWait {
  readonly circuit: string
  /** When the task first waited, in this uninterrupted series of waits. */
  readonly since: number
  /** The planned start; left out when no start could be planned yet. */
  readonly startAt?: number
}

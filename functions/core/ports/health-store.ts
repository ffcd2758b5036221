/** What a check of the whole leaves in the table, and what the sweeper leaves for it. */
export interface HealthStore {
  /** Writes a row and reads it back. @throws when the table does not take or give it. */
  probe(now: number): Promise<void>
  /** Told by the sweeper at the end of each run. */
  recordSweep(now: number): Promise<void>
  /** @returns when the sweeper last ended a run, undefined before its first. */
  lastSweep(): Promise<number | undefined>
}

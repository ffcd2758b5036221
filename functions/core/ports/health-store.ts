/** Table access of the health check, and the time of the sweeper's last run. */
export interface HealthStore {
  /** Writes a row and reads it back. @throws when either fails. */
  probe(now: number): Promise<void>
  /** Called by the sweeper at the end of each run. */
  recordSweep(now: number): Promise<void>
  /** @returns when the sweeper's last run ended; undefined before its first. */
  lastSweep(): Promise<number | undefined>
}

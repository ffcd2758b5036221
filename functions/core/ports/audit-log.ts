import type { AuditEntry, AuditFilter, AuditOutcome } from '../domain/audit.ts'

/**
 * Stores who changed what, for as long as the stage's settings say.
 *
 * @throws UnavailableError when it does not answer; then it is unknown whether the entry was written.
 */
export interface AuditLog {
  /** Called before the change: a change that cannot be recorded is not made. */
  begin(entry: AuditEntry): Promise<void>
  /** Called after the change. */
  end(entry: AuditEntry, outcome: AuditOutcome): Promise<void>
}

export interface AuditReader {
  /** Newest first. */
  list(
    tenant: string,
    filter: AuditFilter,
    limit: number,
    cursor?: string,
  ): Promise<{ readonly entries: readonly AuditEntry[]; readonly cursor?: string }>
}

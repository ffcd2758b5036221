import type { AuditEntry, AuditFilter, AuditOutcome } from '../domain/audit.ts'

/**
 * Keeps who did what, for as long as the stage says.
 *
 * @throws UnavailableError when it does not answer; nothing is known then about the write.
 */
export interface AuditLog {
  /** Written before the deed: what cannot be recorded is not done. */
  begin(entry: AuditEntry): Promise<void>
  /** Written after it. */
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

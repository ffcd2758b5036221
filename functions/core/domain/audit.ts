/** Who did what. Submitted work is not among it: its own row says it. */
export interface AuditEntry {
  /** Whose administrators may read it: the tenant of who did it. */
  readonly tenant: string
  readonly id: string
  readonly at: number
  /** Id of the key, or issuer and subject of the token; undefined on an open stage. */
  readonly by?: string | undefined
  /** Method and path of the route, with its parameters' names. */
  readonly action: string
  /** What it was done to. */
  readonly target?: string | undefined
  /** How it was answered. Undefined while it runs, and where it was never known to end. */
  readonly status?: number | undefined
  readonly before?: string | undefined
  readonly after?: string | undefined
}

/** Known once it is done. */
export type AuditOutcome = Pick<AuditEntry, 'status' | 'before' | 'after' | 'target'>

export interface AuditFilter {
  readonly target?: string | undefined
  readonly by?: string | undefined
}

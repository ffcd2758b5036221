/** Who changed what. Submissions are not audited: the task's row records who submitted it. */
export interface AuditEntry {
  /** The caller's tenant. Only the administrators of this tenant can read the entry. */
  readonly tenant: string
  readonly id: string
  readonly at: number
  /** Key id, or issuer and subject of the token; undefined on a stage without keys. */
  readonly by?: string | undefined
  /** Method and path of the route, with parameter names in place of values. */
  readonly action: string
  /** Id of the changed object. */
  readonly target?: string | undefined
  /** HTTP status of the answer. Undefined while the call runs, and when the function ended before it could record one. */
  readonly status?: number | undefined
  readonly before?: string | undefined
  readonly after?: string | undefined
}

/** The fields that are known only after the call. */
export type AuditOutcome = Pick<AuditEntry, 'status' | 'before' | 'after' | 'target'>

export interface AuditFilter {
  readonly target?: string | undefined
  readonly by?: string | undefined
}

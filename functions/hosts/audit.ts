/** Records who changed what, for every route that changes something. */
import { ENV } from '../contract.ts'
import { DynamoAuditLog } from '../core/adapters/dynamodb/audit-log.ts'
import type { createDynamoClient } from '../core/adapters/dynamodb/task-store.ts'
import { toProblem } from '../core/adapters/http/problem.ts'
import { systemClock } from '../core/adapters/system/clock.ts'
import { createIds } from '../core/adapters/system/ids.ts'
import type { AuditEntry } from '../core/domain/audit.ts'
import type { AuditLog } from '../core/ports/audit-log.ts'
import type { Log } from '../core/ports/log.ts'
import { readConfig } from './config.ts'
import type { HttpAnswer, HttpRequest } from './http.ts'

const ids = createIds(systemClock.now)

export function openAudit(client: ReturnType<typeof createDynamoClient>): AuditLog {
  const { TABLE_NAME, AUDIT_DAYS } = readConfig([ENV.tableName, ENV.auditDays])
  return new DynamoAuditLog(client, TABLE_NAME, AUDIT_DAYS)
}

type AuditedCall = Pick<AuditEntry, 'tenant' | 'by' | 'action' | 'target'>
type ChangeDetails = Pick<AuditEntry, 'before' | 'after' | 'target'>

/**
 * Records a change before it is made, and its outcome afterwards. When the outcome cannot be written, the entry stays without
 * one; the change is not undone.
 */
export async function recorded<Answer>(
  { audit, log }: { readonly audit: AuditLog; readonly log: Log },
  deed: AuditedCall,
  perform: () => Promise<{
    readonly answer: Answer
    readonly status: number
    readonly details: ChangeDetails
  }>,
): Promise<Answer> {
  const entry: AuditEntry = { ...deed, id: ids.taskId(), at: systemClock.now() }
  await audit.begin(entry)
  const end = (outcome: Parameters<AuditLog['end']>[1]) =>
    audit.end(entry, outcome).catch(() => log('audit.incomplete', { action: deed.action }))
  try {
    const { answer, status, details } = await perform()
    await end({ status, ...details })
    return answer
  } catch (error) {
    await end({ status: toProblem(error, '').problem.status })
    throw error
  }
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' ? value.slice(0, 200) : undefined

/** Wraps a route's handler. The id of the changed object is in the path or in the answer. */
export const recordedRoute =
  (
    needs: { readonly audit: AuditLog; readonly log: Log },
    action: string,
    handler: (request: HttpRequest) => Promise<HttpAnswer>,
  ) =>
  (request: HttpRequest): Promise<HttpAnswer> => {
    const { principal, parameters } = request
    const target = Object.values(parameters)[0]?.slice(0, 200)
    return recorded(needs, { tenant: principal.tenant, by: principal.keyId, action, target }, async () => {
      let noted: ChangeDetails = {}
      const answer = await handler({ ...request, note: (details) => (noted = details) })
      const body = (answer.body ?? {}) as { readonly id?: unknown; readonly status?: unknown }
      return {
        answer,
        status: answer.status,
        details: { ...(target ? {} : { target: text(body.id) }), after: text(body.status), ...noted },
      }
    })
  }

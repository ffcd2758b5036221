import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { AuditEntry, AuditOutcome } from '../../domain/audit.ts'
import type { AuditLog } from '../../ports/audit-log.ts'
import { createdKey, type Row } from './row.ts'
import { Table } from './table.ts'

const DAY_SECONDS = 86_400
export const auditPartition = (tenant: string): string => `${TABLE.auditPrefix}${encodeURIComponent(tenant)}`

/** A tenant's entries are in one partition; they are few, because submits are not audited. */
export class DynamoAuditLog implements AuditLog {
  readonly #table: Table
  readonly #days: number

  constructor(client: DynamoDBDocumentClient, table: string, days: number) {
    this.#table = new Table(client, table)
    this.#days = days
  }

  begin({ tenant, ...entry }: AuditEntry): Promise<void> {
    const reapAt = Math.ceil(entry.at / 1_000) + this.#days * DAY_SECONDS
    return this.#set({ tenant, ...entry }, { owner: tenant, ...entry, [TABLE.ttl]: reapAt })
  }

  end(entry: AuditEntry, outcome: AuditOutcome): Promise<void> {
    return this.#set(entry, { ...outcome })
  }

  /** An update, not a put, so that no function needs the permission to put, with which it could replace a task's row. */
  async #set({ tenant, at, id }: AuditEntry, given: Row): Promise<void> {
    const fields = Object.entries(given).filter(([, value]) => value !== undefined)
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: { pk: auditPartition(tenant), sk: createdKey(at, id) },
      UpdateExpression: `SET ${fields.map(([name]) => `#${name} = :${name}`).join(', ')}`,
      ExpressionAttributeNames: Object.fromEntries(fields.map(([name]) => [`#${name}`, name])),
      ExpressionAttributeValues: Object.fromEntries(fields.map(([name, value]) => [`:${name}`, value])),
    })
    await this.#table.call('audit', (client) => client.send(update))
  }
}

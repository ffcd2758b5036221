import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { AuditEntry, AuditFilter } from '../../domain/audit.ts'
import type { AuditReader } from '../../ports/audit-log.ts'
import { auditPartition } from './audit-log.ts'
import type { Row } from './row.ts'
import { Table } from './table.ts'

/** Most rows read for one page. A filter that matches few of them gives a short page with a cursor. */
const MAX_ROWS_READ = 1_000

function fromRow({ pk: _pk, sk: _sk, owner, [TABLE.ttl]: _reapAt, ...rest }: Row): AuditEntry {
  return { ...rest, tenant: owner } as unknown as AuditEntry
}

export class DynamoAuditReader implements AuditReader {
  readonly #table: Table
  readonly #now: () => number

  constructor(client: DynamoDBDocumentClient, table: string, now: () => number) {
    this.#table = new Table(client, table)
    this.#now = now
  }

  async list(tenant: string, { target, by }: AuditFilter, limit: number, cursor?: string) {
    const wanted = Object.entries({ target, by }).filter(([, value]) => value !== undefined)
    const entries: AuditEntry[] = []
    let from: Row | undefined = cursor ? { pk: auditPartition(tenant), sk: cursor } : undefined
    let looked = 0
    do {
      const query: QueryCommand = new QueryCommand({
        TableName: this.#table.name,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': auditPartition(tenant) },
        ScanIndexForward: false,
        Limit: wanted.length === 0 ? limit : Math.max(limit, 100),
        ...(from ? { ExclusiveStartKey: from } : {}),
      })
      const answer = await this.#table.call('audit', (client) => client.send(query))
      const rows = answer.Items ?? []
      looked += rows.length
      from = answer.LastEvaluatedKey
      for (const row of rows) {
        // The table deletes expired rows late; do not show them.
        if (Number(row[TABLE.ttl]) * 1_000 <= this.#now()) continue
        if (!wanted.every(([name, value]) => row[name] === value)) continue
        entries.push(fromRow(row))
        if (entries.length === limit) {
          const isLast = row === rows.at(-1) && !from
          return { entries, ...(isLast ? {} : { cursor: String(row.sk) }) }
        }
      }
    } while (from && looked < MAX_ROWS_READ)
    return { entries, ...(from ? { cursor: String(from.sk) } : {}) }
  }
}

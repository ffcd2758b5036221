import { DeleteCommand, type DynamoDBDocumentClient, QueryCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { TaskKey } from '../../domain/task.ts'
import type { DataEraser, TenantRow } from '../../ports/data-eraser.ts'
import { keyOf, type Row } from './row.ts'
import { Table } from './table.ts'

/**
 * Kinds whose partition key has the tenant after the first `#`: tasks with their items, workflows with their joins, schedules,
 * deliveries, webhook settings, meters, statistics, shared calls. A tenant's other rows name it as `owner` or `tenant`.
 */
const KINDS = ['T', 'W', 'H', 'D', 'E', 'Q', 'R', 'C', 'F'] as const

export class DynamoDataEraser implements DataEraser {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async removeBeside(task: TaskKey): Promise<number> {
    const { pk, sk: own } = keyOf(task)
    let removed = 0
    let from: Row | undefined
    do {
      const query: QueryCommand = new QueryCommand({
        TableName: this.#table.name,
        KeyConditionExpression: 'pk = :pk',
        ProjectionExpression: 'pk, sk',
        ExpressionAttributeValues: { ':pk': pk },
        ConsistentRead: true,
        ...(from ? { ExclusiveStartKey: from } : {}),
      })
      const { Items = [], LastEvaluatedKey } = await this.#table.call('beside', (client) =>
        client.send(query),
      )
      const beside = (Items as TenantRow[]).filter(({ sk }) => sk !== own)
      await Promise.all(beside.map((row) => this.removeRow(row)))
      removed += beside.length
      from = LastEvaluatedKey
    } while (from)
    return removed
  }

  // A scan also finds rows of kinds that were added later, without a list of kinds.
  async *rowsOf(tenant: string, from?: string) {
    const name = encodeURIComponent(tenant)
    let start = readPlace(from)
    do {
      const scan: ScanCommand = new ScanCommand({
        TableName: this.#table.name,
        FilterExpression: [
          '#owner = :tenant',
          '#tenant = :tenant',
          ...KINDS.map((kind) => `begins_with(pk, :${kind})`),
          // Watermarks of the tenant.
          '(begins_with(pk, :lane) AND sk = :name)',
        ].join(' OR '),
        ProjectionExpression: 'pk, sk, #owner, #tenant',
        ExpressionAttributeNames: { '#owner': 'owner', '#tenant': 'tenant' },
        ExpressionAttributeValues: {
          ':tenant': tenant,
          ':lane': 'L#',
          ':name': name,
          ...Object.fromEntries(KINDS.map((kind) => [`:${kind}`, `${kind}#${name}`])),
        },
        ConsistentRead: true,
        ...(start ? { ExclusiveStartKey: start } : {}),
      })
      const { Items = [], LastEvaluatedKey: last } = await this.#table.call('rows', (client) =>
        client.send(scan),
      )
      const rows = Items.filter((row) => belongsTo(row, tenant, name)).map(({ pk, sk }) => ({ pk, sk }))
      yield { rows, ...(last ? { next: JSON.stringify([last.pk, last.sk]) } : {}) }
      start = last
    } while (start)
  }

  async removeRow({ pk, sk }: TenantRow): Promise<void> {
    const remove = new DeleteCommand({ TableName: this.#table.name, Key: { pk, sk } })
    await this.#table.call('erase', (client) => client.send(remove))
  }
}

const readPlace = (from: string | undefined): Row | undefined => {
  const [pk, sk] = from === undefined ? [] : (JSON.parse(from) as string[])
  return pk === undefined ? undefined : { pk, sk }
}

/** Compares the whole name: tenant `a` is not part of tenant `ab`. The audit log is kept. */
function belongsTo(row: Row, tenant: string, name: string): boolean {
  const [kind = '', of] = String(row.pk).split('#')
  if (`${kind}#` === TABLE.auditPrefix) return false
  if (kind === 'L') return row.sk === name
  return (
    row.owner === tenant || row.tenant === tenant || (KINDS.some((known) => known === kind) && of === name)
  )
}

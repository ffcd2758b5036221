import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import type { OwnLimits } from '../../domain/limits.ts'
import type { LimitStore } from '../../ports/limit-store.ts'
import type { Row } from './row.ts'
import { Table } from './table.ts'

/** Not in the meter's row, so that a change of limits does not compete with submits. */
const keyOf = (tenant: string): Row => ({ pk: `Q#${encodeURIComponent(tenant)}`, sk: 'limits' })

export class DynamoLimitStore implements LimitStore {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async read(tenant: string): Promise<OwnLimits | undefined> {
    const row = await this.#table.read('read', keyOf(tenant))
    return row && JSON.parse(String(row.limits))
  }

  async write(tenant: string, limits: OwnLimits): Promise<void> {
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: keyOf(tenant),
      UpdateExpression: 'SET #limits = :limits',
      ExpressionAttributeNames: { '#limits': 'limits' },
      ExpressionAttributeValues: { ':limits': JSON.stringify(limits) },
    })
    await this.#table.call('limits', (client) => client.send(update))
  }
}

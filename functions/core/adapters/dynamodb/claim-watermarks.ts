import { type DynamoDBDocumentClient, GetCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { type Lane, TABLE } from '../../../contract.ts'
import type { ClaimWatermark } from '../../domain/overdue.ts'
import type { ClaimWatermarks } from '../../ports/claim-watermarks.ts'
import type { Row } from './row.ts'
import { Table } from './table.ts'

const WATERMARK_TTL_SECONDS = 3_600

/** A lane's watermarks are in one partition, one item per tenant. */
export class DynamoClaimWatermarks implements ClaimWatermarks {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async recordWatermark(lane: Lane, tenant: string, queuedAt: number, now: number): Promise<void> {
    await this.#table.write('note', (client) =>
      client.send(
        new UpdateCommand({
          TableName: this.#table.name,
          Key: watermarkKey(lane, tenant),
          UpdateExpression: 'SET queuedAt = :queuedAt, recordedAt = :now, #ttl = :ttl',
          ConditionExpression: 'attribute_not_exists(queuedAt) OR queuedAt <= :queuedAt',
          ExpressionAttributeNames: { '#ttl': TABLE.ttl },
          ExpressionAttributeValues: {
            ':queuedAt': queuedAt,
            ':now': now,
            ':ttl': Math.floor(now / 1_000) + WATERMARK_TTL_SECONDS,
          },
        }),
      ),
    )
  }

  async readWatermarks(lane: Lane): Promise<readonly ClaimWatermark[]> {
    const { Items } = await this.#table.call('watermarks', (client) =>
      client.send(
        new QueryCommand({
          TableName: this.#table.name,
          KeyConditionExpression: 'pk = :lane',
          ExpressionAttributeValues: { ':lane': `L#${lane}` },
        }),
      ),
    )
    return (Items ?? []).map(toWatermark)
  }

  async readWatermark(lane: Lane, tenant: string): Promise<ClaimWatermark | undefined> {
    const get = new GetCommand({ TableName: this.#table.name, Key: watermarkKey(lane, tenant) })
    const { Item } = await this.#table.call('watermark', (client) => client.send(get))
    return Item && toWatermark(Item)
  }
}

const watermarkKey = (lane: Lane, tenant: string) => ({ pk: `L#${lane}`, sk: encodeURIComponent(tenant) })

const toWatermark = (item: Row): ClaimWatermark => ({
  tenant: decodeURIComponent(String(item.sk)),
  queuedAt: Number(item.queuedAt),
  recordedAt: Number(item.recordedAt),
})

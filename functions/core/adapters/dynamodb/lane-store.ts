import {
  type DynamoDBDocumentClient,
  QueryCommand,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb'
import type { Lane } from '../../../contract.ts'
import type { LaneStore } from '../../ports/lane-store.ts'
import { Table } from './table.ts'

/** All lanes are in one partition, so that one query reads them. */
const PARTITION = 'LANES'

export class DynamoLaneStore implements LaneStore {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async paused(): Promise<ReadonlyMap<Lane, number>> {
    const query = new QueryCommand({
      TableName: this.#table.name,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': PARTITION },
      ConsistentRead: true,
    })
    const { Items = [] } = await this.#table.call('lanes', (client) => client.send(query))
    return new Map(
      Items.flatMap(({ sk, pausedAt }) =>
        typeof pausedAt === 'number' ? [[String(sk) as Lane, pausedAt] as const] : [],
      ),
    )
  }

  async beginPause(lane: Lane, since: number): Promise<void> {
    await this.#update(lane, {
      UpdateExpression: 'SET pausedAt = if_not_exists(pausedAt, :since) REMOVE resuming',
      ExpressionAttributeValues: { ':since': since },
    })
  }

  async beginResume(lane: Lane, token: string): Promise<void> {
    await this.#update(lane, {
      UpdateExpression: 'SET resuming = :token',
      ConditionExpression: 'attribute_exists(pausedAt)',
      ExpressionAttributeValues: { ':token': token },
    })
  }

  async endPause(lane: Lane, token: string): Promise<void> {
    await this.#update(lane, {
      UpdateExpression: 'REMOVE pausedAt, resuming',
      ConditionExpression: 'resuming = :token',
      ExpressionAttributeValues: { ':token': token },
    })
  }

  async acceptsWork(lane: Lane): Promise<boolean> {
    const row = await this.#table.read('lanes', { pk: PARTITION, sk: lane })
    return row?.pausedAt === undefined || row.resuming !== undefined
  }

  /** A condition that does not hold is no failure: then nothing needs to change. */
  async #update(lane: Lane, change: Omit<UpdateCommandInput, 'TableName' | 'Key'>): Promise<void> {
    const Key = { pk: PARTITION, sk: lane }
    const update = new UpdateCommand({ TableName: this.#table.name, Key, ...change })
    await this.#table.write('lane', (client) => client.send(update))
  }
}

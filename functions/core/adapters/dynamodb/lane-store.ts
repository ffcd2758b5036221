import { type DynamoDBDocumentClient, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import type { Lane } from '../../../contract.ts'
import { UnavailableError } from '../../domain/errors.ts'
import type { LaneStore } from '../../ports/lane-store.ts'

/** All lanes lie in one partition: one query tells about all of them. */
const PARTITION = 'LANES'

export class DynamoLaneStore implements LaneStore {
  readonly #client: DynamoDBDocumentClient
  readonly #table: string

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client
    this.#table = table
  }

  async paused(): Promise<ReadonlyMap<Lane, number>> {
    const query = new QueryCommand({
      TableName: this.#table,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': PARTITION },
      ConsistentRead: true,
    })
    const { Items = [] } = await this.#guard(() => this.#client.send(query))
    return new Map(
      Items.flatMap(({ sk, pausedAt }) =>
        typeof pausedAt === 'number' ? [[String(sk) as Lane, pausedAt] as const] : [],
      ),
    )
  }

  async setPaused(lane: Lane, since: number | undefined): Promise<void> {
    const change =
      since === undefined
        ? { UpdateExpression: 'REMOVE pausedAt' }
        : {
            // The first of two people who pause a lane began the pause.
            UpdateExpression: 'SET pausedAt = if_not_exists(pausedAt, :since)',
            ExpressionAttributeValues: { ':since': since },
          }
    const update = new UpdateCommand({ TableName: this.#table, Key: { pk: PARTITION, sk: lane }, ...change })
    await this.#guard(() => this.#client.send(update))
  }

  async #guard<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    try {
      return await call()
    } catch (cause) {
      throw new UnavailableError('The table did not answer (lanes).', { cause })
    }
  }
}

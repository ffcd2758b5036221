import { type DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { type Lane, TABLE } from '../../../contract.ts'
import type { RecentRun } from '../../domain/estimate.ts'
import type { RecentRuns } from '../../ports/recent-runs.ts'
import { Table } from './table.ts'

/** Number of workers per lane that are stored: all in one item below 16 kB, so that one read is enough. */
const PARTS = 8
const KEPT_MS = 86_400_000
const partName = (part: number) => `part${part}`

export class DynamoRecentRuns implements RecentRuns {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async keep(lane: Lane, worker: number, runs: readonly RecentRun[], now: number): Promise<void> {
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: keyOf(lane),
      UpdateExpression: 'SET #part = :part, #ttl = :ttl',
      ExpressionAttributeNames: { '#part': partName(worker % PARTS), '#ttl': TABLE.ttl },
      ExpressionAttributeValues: {
        ':part': { keptAt: now, runs: runs.map(({ kind, ms, costMicroUsd }) => [kind, ms, costMicroUsd]) },
        ':ttl': Math.ceil((now + KEPT_MS) / 1_000),
      },
    })
    await this.#table.call('recent runs', (client) => client.send(update))
  }

  async read(lane: Lane, now: number): Promise<readonly RecentRun[]> {
    const get = new GetCommand({ TableName: this.#table.name, Key: keyOf(lane) })
    const { Item = {} } = await this.#table.call('recent runs', (client) => client.send(get))
    return Array.from({ length: PARTS }, (_, part) => Item[partName(part)] as Part | undefined).flatMap(
      (part) =>
        part && part.keptAt > now - KEPT_MS
          ? part.runs.map(([kind, ms, costMicroUsd]) => ({ kind, ms, costMicroUsd }))
          : [],
    )
  }
}

interface Part {
  readonly keptAt: number
  readonly runs: readonly (readonly [kind: string, ms: number, costMicroUsd: number | null])[]
}

const keyOf = (lane: Lane) => ({ [TABLE.partitionKey]: TABLE.recentRuns, [TABLE.sortKey]: lane })

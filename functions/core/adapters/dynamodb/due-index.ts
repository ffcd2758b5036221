import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { DueKind } from '../../domain/task.ts'
import type { DueEntry, DueIndex, DueItem, DuePart } from '../../ports/due-index.ts'
import { dueShards, parseKey, type Row } from './row.ts'
import { parseScheduleKey } from './schedule-store.ts'
import { Table } from './table.ts'

/** The key's prefix tells the kind of a row. */
function toDueEntry(row: Row): DueEntry | DueItem {
  const { pk, sk, dueAt } = row as { pk: string; sk: string; dueAt: number }
  if (pk.startsWith('W#')) return { item: 'workflow', ...parseKey(pk), dueAt }
  if (pk.startsWith('H#')) return { item: 'schedule', ...parseScheduleKey(pk, sk), dueAt }
  if (pk.startsWith('D#')) return { item: 'delivery', ...parseKey(pk), dueAt }
  return { ...(row as unknown as DueEntry), item: 'task', ...parseKey(pk) }
}

export class DynamoDueIndex implements DueIndex {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  shards(kind: DueKind, upTo: number, { index, of }: DuePart = { index: 0, of: 1 }) {
    return dueShards(kind)
      .filter((_, shard) => shard % of === index)
      .map((shard) => this.#pages(shard, upTo))
  }

  async first(kind: DueKind, perShard: number): Promise<readonly (DueEntry | DueItem)[]> {
    const pages = await Promise.all(
      dueShards(kind).map((shard) => this.#query(shard, Number.MAX_SAFE_INTEGER, { Limit: perShard })),
    )
    return pages.flatMap(({ entries }) => entries)
  }

  async *#pages(shard: string, upTo: number): AsyncIterable<readonly (DueEntry | DueItem)[]> {
    let ExclusiveStartKey: Row | undefined
    do {
      const { entries, next } = await this.#query(shard, upTo, { ExclusiveStartKey })
      if (entries.length) yield entries
      ExclusiveStartKey = next
    } while (ExclusiveStartKey)
  }

  async #query(shard: string, upTo: number, page: { Limit?: number; ExclusiveStartKey?: Row | undefined }) {
    const query = new QueryCommand({
      TableName: this.#table.name,
      IndexName: TABLE.dueIndex.name,
      KeyConditionExpression: 'dueShard = :shard AND dueAt <= :upTo',
      ExpressionAttributeValues: { ':shard': shard, ':upTo': upTo },
      ...page,
    })
    const { Items = [], LastEvaluatedKey } = await this.#table.call('due', (client) => client.send(query))
    return { entries: Items.map(toDueEntry), next: LastEvaluatedKey }
  }
}

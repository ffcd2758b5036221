/** Reads ids from the list indexes; the rows themselves are read by key, so the indexes stay small and cheap to write. */
import { QueryCommand } from '@aws-sdk/lib-dynamodb'
import { TIMING } from '../../../contract/timing.ts'
import { TABLE } from '../../../contract.ts'
import type { Status } from '../../domain/task.ts'
import type { ListFilter } from '../../ports/task-store.ts'
import { createdKey, dueShards, keyOf, partitionsOf, type Row } from './row.ts'
import type { Table } from './table.ts'

/** Most entries read for one page, one or two megabytes. A rare type or tag gives a short page with a cursor, not a time-out. */
const MAX_SCANNED = 8_000
const SCAN_PAGE = 1_000

/** One partition, newest first. `read` has the matching entries that were not returned yet. */
interface Shard {
  readonly partition: string
  readonly read: string[]
  start: Row | undefined
  isDone: boolean
}

/**
 * The matching entries, newest first, merged from all partitions of a tenant. `next` returns some keys at a time, none at the
 * end; `position` is where reading stopped when the limit of entries was reached.
 */
export class NewestFirstReader {
  readonly #table: Table
  readonly #index: string
  readonly #shards: readonly Shard[]
  readonly #condition: { text: string; names: Record<string, string>; values: Record<string, unknown> }
  readonly #cursor: string | undefined
  #scanned = 0
  #position: string | undefined

  constructor(table: Table, tenant: string, filter: ListFilter, cursor: string | undefined) {
    const { index, partitions } = partitionsOf(tenant, filter.status)
    this.#table = table
    this.#index = index.name
    this.#cursor = cursor
    this.#condition = conditionOf(filter)
    // "~" sorts after every id; a cursor is the key of the last returned row, which is skipped below.
    const newest = createdKey(filter.createdBefore ?? 99_999_999_999_999, '~')
    const high = cursor !== undefined && cursor < newest ? cursor : newest
    const low = createdKey(filter.createdAfter ?? 0)
    Object.assign(this.#condition.values, { ':low': low, ':high': high })
    this.#shards = partitions.map((partition) => ({
      partition,
      read: [],
      start: undefined,
      isDone: high < low,
    }))
  }

  /** Where the next page continues when this one ended at the limit of entries. */
  get position(): string | undefined {
    return this.#position
  }

  async next(most: number): Promise<readonly string[]> {
    const found: string[] = []
    while (found.length < most) {
      await this.#refill(most)
      // Entries of other partitions beyond the position of one that is not read further may not be the newest.
      const empty = this.#shards.filter(({ read, isDone }) => read.length === 0 && !isDone)
      const positions = empty.flatMap(({ start }) => (start ? [String(start.createdKey)] : []))
      const limit = positions.toSorted().at(-1)
      const newest = this.#shards
        .filter(({ read }) => read[0] !== undefined && (limit === undefined || read[0] > limit))
        .toSorted((left, right) => ((left.read[0] ?? '') < (right.read[0] ?? '') ? 1 : -1))[0]
      const key = newest?.read.shift()
      if (key === undefined) {
        this.#position = limit
        break
      }
      found.push(key)
    }
    return found
  }

  async #refill(most: number): Promise<void> {
    while (this.#scanned < MAX_SCANNED) {
      const empty = this.#shards.filter(({ read, isDone }) => read.length === 0 && !isDone)
      if (empty.length === 0) return
      await Promise.all(empty.map((shard) => this.#query(shard, most)))
    }
  }

  async #query(shard: Shard, most: number): Promise<void> {
    const { text, names, values } = this.#condition
    const { partitionKey } = this.#index === TABLE.stateIndex.name ? TABLE.stateIndex : TABLE.listIndex
    const query = new QueryCommand({
      TableName: this.#table.name,
      IndexName: this.#index,
      KeyConditionExpression: `${partitionKey} = :partition AND createdKey BETWEEN :low AND :high`,
      ...(text ? { FilterExpression: text } : {}),
      ...(Object.keys(names).length ? { ExpressionAttributeNames: names } : {}),
      ExpressionAttributeValues: { ...values, ':partition': shard.partition },
      ScanIndexForward: false,
      // Twice the share of one partition, if the entries are evenly spread over four.
      Limit: text ? SCAN_PAGE : Math.ceil(most / 2) + 2,
      ExclusiveStartKey: shard.start,
    })
    const answer = await this.#table.call('list', (client) => client.send(query))
    this.#scanned += answer.ScannedCount ?? 0
    for (const item of answer.Items ?? [])
      if (item.createdKey !== this.#cursor) shard.read.push(String(item.createdKey))
    shard.start = answer.LastEvaluatedKey
    shard.isDone = shard.start === undefined
  }
}

function conditionOf(filter: ListFilter) {
  const parts: string[] = []
  const names: Record<string, string> = {}
  const values: Record<string, unknown> = {}
  for (const field of ['type', 'lane'] as const) {
    if (filter[field] === undefined) continue
    names[`#${field}`] = field
    values[`:${field}`] = filter[field]
    parts.push(`#${field} = :${field}`)
  }
  if (filter.tag !== undefined) {
    values[':tag'] = filter.tag
    parts.push('contains(tags, :tag)')
  }
  return { text: parts.join(' AND '), names, values }
}

/** Tolerance for a clock that is ahead, and for the index's lag. */
const SLACK_MS = 30_000

/**
 * Keys of a tenant's running tasks, in no order. A running task is due at its lease's end, so the due index has all of them, and
 * no write is needed for this list. A backlog in the same partition of the state index is not read.
 */
export async function readRunning(table: Table, tenant: string, now: number): Promise<readonly Row[]> {
  const prefix = String(keyOf({ tenant, id: '' }).pk)
  const keys = new Map<string, Row>()
  const readShard = async (shard: string) => {
    let ExclusiveStartKey: Row | undefined
    do {
      const query = new QueryCommand({
        TableName: table.name,
        IndexName: TABLE.dueIndex.name,
        KeyConditionExpression: 'dueShard = :shard AND dueAt <= :upTo',
        FilterExpression: '#status = :running AND tenant = :tenant',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: {
          ':shard': shard,
          ':upTo': now + TIMING.leaseMs + SLACK_MS,
          ':running': 'PROCESSING',
          ':tenant': tenant,
        },
        ExclusiveStartKey,
      })
      const answer = await table.call('running', (client) => client.send(query))
      for (const { pk, sk } of answer.Items ?? [])
        if (String(pk).startsWith(prefix)) keys.set(String(pk), { pk, sk })
      ExclusiveStartKey = answer.LastEvaluatedKey
    } while (ExclusiveStartKey)
  }
  await Promise.all(dueShards('timed').map(readShard))
  return [...keys.values()]
}

/** Most entries counted per partition: a few hundred kilobytes, one query. */
const MAX_COUNTED = 2_000

/** The number of entries that the state index has for a status. */
export async function countState(
  table: Table,
  tenant: string,
  status: Status,
): Promise<{ readonly count: number; readonly isPartial: boolean }> {
  const { index, partitions } = partitionsOf(tenant, status)
  const answers = await Promise.all(
    partitions.map((partition) => {
      const query = new QueryCommand({
        TableName: table.name,
        IndexName: index.name,
        KeyConditionExpression: `${index.partitionKey} = :partition`,
        ExpressionAttributeValues: { ':partition': partition },
        Select: 'COUNT',
        Limit: MAX_COUNTED,
      })
      return table.call('count', (client) => client.send(query))
    }),
  )
  return {
    count: answers.reduce((sum, { Count = 0 }) => sum + Count, 0),
    isPartial: answers.some(({ LastEvaluatedKey }) => LastEvaluatedKey !== undefined),
  }
}

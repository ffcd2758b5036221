import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  BatchGetCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  ScanCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { CALL_LIMITS, type Lane, TABLE } from '../../../contract.ts'
import { UnavailableError } from '../../domain/errors.ts'
import type { ClaimWatermark } from '../../domain/overdue.ts'
import type { DueKind, Task, TaskKey } from '../../domain/task.ts'
import type { Transition } from '../../domain/transitions.ts'
import type {
  Changed,
  DueEntry,
  DueItem,
  ExpiredTask,
  LeaseState,
  ListFilter,
  TaskPage,
  TaskStore,
} from '../../ports/task-store.ts'
import { readPage } from './list.ts'
import { dueShards, fromRow, isKey, keyOf, parseKey, type Row, toRow } from './row.ts'
import { parseScheduleKey } from './schedule-store.ts'
import { parseWorkflowKey } from './workflow-store.ts'
import { toUpdate } from './write-expression.ts'

/** Undefined fields are left out: an optional field is absent in the row, never null. */
export const createDynamoClient = (): DynamoDBDocumentClient =>
  DynamoDBDocumentClient.from(new DynamoDBClient({ maxAttempts: 3, requestHandler: CALL_LIMITS }), {
    marshallOptions: { removeUndefinedValues: true },
  })

/** The prefix of the key tells what a row is. */
function toDueEntry(row: Row): DueEntry | DueItem {
  const { pk, sk, dueAt } = row as { pk: string; sk: string; dueAt: number }
  if (pk.startsWith('W#')) return { item: 'workflow', ...parseWorkflowKey(pk), dueAt }
  if (pk.startsWith('H#')) return { item: 'schedule', ...parseScheduleKey(pk, sk), dueAt }
  return { ...(row as unknown as DueEntry), item: 'task', ...parseKey(pk) }
}

const WATERMARK_TTL_SECONDS = 3_600

export class DynamoTaskStore implements TaskStore {
  readonly #client: DynamoDBDocumentClient
  readonly #table: string
  readonly #now: () => number
  readonly #writeId: () => string

  constructor(client: DynamoDBDocumentClient, table: string, now: () => number, writeId: () => string) {
    this.#client = client
    this.#table = table
    this.#now = now
    this.#writeId = writeId
  }

  // One conditional put, no transaction: the key is derived from the idempotency key, so creation and replay are
  // the same write at half the price.
  async create(task: Task): Promise<{ created: true } | { created: false; existing: Task }> {
    const put = new PutCommand({
      TableName: this.#table,
      Item: toRow(task),
      ConditionExpression: 'attribute_not_exists(pk) OR #ttl <= :now',
      ExpressionAttributeNames: { '#ttl': 'ttl' },
      ExpressionAttributeValues: { ':now': Math.floor(this.#now() / 1_000) },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    for (;;) {
      const refused = await this.#refusable('create', () => this.#client.send(put))
      if (!('refused' in refused)) return { created: true }
      const existing = refused.old ?? (await this.#read(task))
      // No row any more: it was deleted between the put and the read, so the next put decides.
      if (!existing) continue
      return existing.writeId === task.writeId ? { created: true } : { created: false, existing }
    }
  }

  async get(key: TaskKey): Promise<Task | undefined> {
    if (!isKey(key)) return undefined
    const task = await this.#read(key)
    return task && !this.#isGone(task) ? task : undefined
  }

  async readLeases(keys: readonly TaskKey[]): Promise<readonly LeaseState[]> {
    const { Responses } = await this.#guard('read', () =>
      this.#client.send(
        new BatchGetCommand({
          RequestItems: {
            [this.#table]: {
              Keys: keys.map(keyOf),
              ConsistentRead: true,
              ProjectionExpression: 'tenant, id, #status, epoch, #token',
              ExpressionAttributeNames: { '#status': 'status', '#token': 'token' },
            },
          },
        }),
      ),
    )
    // Keys left unprocessed under throttling are simply missing: the next check reads them.
    return (Responses?.[this.#table] ?? []) as LeaseState[]
  }

  async change(key: TaskKey, transition: Transition): Promise<Changed> {
    if (!isKey(key)) return { changed: false, task: undefined }
    const writeId = this.#writeId()
    const update = new UpdateCommand(toUpdate(this.#table, key, transition, writeId, this.#now()))
    const answer = await this.#refusable(transition.name, () => this.#client.send(update))
    if (!('refused' in answer)) return { changed: true, task: fromRow(answer.Attributes as Row) }
    const task = answer.old ?? (await this.#read(key))
    if (!task || this.#isGone(task)) return { changed: false, task: undefined }
    // Refused by our own write: it landed, its answer was lost, and the SDK sent it again.
    return { changed: task.writeId === writeId, task }
  }

  list(tenant: string, filter: ListFilter, limit: number, cursor?: string): Promise<TaskPage> {
    return this.#guard('list', async () => {
      const page = await readPage(this.#client, this.#table, tenant, filter, limit, cursor)
      const tasks = await this.#readMany(page.ids.map((id) => ({ tenant, id })))
      return {
        tasks: tasks.filter((task) => !this.#isGone(task)),
        ...(page.cursor ? { cursor: page.cursor } : {}),
      }
    })
  }

  async *due(kind: DueKind, upTo: number, perShard?: number): AsyncIterable<readonly (DueEntry | DueItem)[]> {
    for (const shard of dueShards(kind)) {
      let ExclusiveStartKey: Row | undefined
      do {
        const answer = await this.#guard('due', () =>
          this.#client.send(
            new QueryCommand({
              TableName: this.#table,
              IndexName: TABLE.dueIndex.name,
              KeyConditionExpression: 'dueShard = :shard AND dueAt <= :upTo',
              ExpressionAttributeValues: { ':shard': shard, ':upTo': upTo },
              ExclusiveStartKey,
              ...(perShard ? { Limit: perShard } : {}),
            }),
          ),
        )
        if (answer.Items?.length) yield answer.Items.map(toDueEntry)
        ExclusiveStartKey = perShard ? undefined : answer.LastEvaluatedKey
      } while (ExclusiveStartKey)
    }
  }

  // A scan: once a day, at an eighth of a cent per gigabyte. An index by end would be written for every task.
  async *expired(): AsyncIterable<readonly ExpiredTask[]> {
    let ExclusiveStartKey: Row | undefined
    do {
      const answer = await this.#guard('expired', () =>
        this.#client.send(
          new ScanCommand({
            TableName: this.#table,
            FilterExpression: '#ttl <= :now AND sk = :row',
            ProjectionExpression: 'tenant, id, writeId, #input, #result, stepsSince',
            ExpressionAttributeNames: { '#ttl': 'ttl', '#input': 'input', '#result': 'result' },
            ExpressionAttributeValues: {
              ':now': Math.floor(this.#now() / 1_000),
              ':row': keyOf({ tenant: '', id: '' }).sk,
            },
            ExclusiveStartKey,
          }),
        ),
      )
      if (answer.Items?.length) yield answer.Items as ExpiredTask[]
      ExclusiveStartKey = answer.LastEvaluatedKey
    } while (ExclusiveStartKey)
  }

  async removeExpired(task: Pick<ExpiredTask, 'tenant' | 'id' | 'writeId'>): Promise<boolean> {
    const answer = await this.#refusable('remove', () =>
      this.#client.send(
        new DeleteCommand({
          TableName: this.#table,
          Key: keyOf(task),
          ConditionExpression: 'writeId = :seen AND #ttl <= :now',
          ExpressionAttributeNames: { '#ttl': 'ttl' },
          ExpressionAttributeValues: { ':seen': task.writeId, ':now': Math.floor(this.#now() / 1_000) },
        }),
      ),
    )
    return !('refused' in answer)
  }

  async recordWatermark(lane: Lane, tenant: string, queuedAt: number, now: number): Promise<void> {
    await this.#refusable('note', () =>
      this.#client.send(
        new UpdateCommand({
          TableName: this.#table,
          Key: { pk: `L#${lane}`, sk: encodeURIComponent(tenant) },
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
    const { Items } = await this.#guard('watermarks', () =>
      this.#client.send(
        new QueryCommand({
          TableName: this.#table,
          KeyConditionExpression: 'pk = :lane',
          ExpressionAttributeValues: { ':lane': `L#${lane}` },
        }),
      ),
    )
    return (Items ?? []).map((item) => ({
      tenant: decodeURIComponent(String(item.sk)),
      queuedAt: Number(item.queuedAt),
      recordedAt: Number(item.recordedAt),
    }))
  }

  #isGone(task: Task): boolean {
    return task.ttl !== undefined && task.ttl * 1_000 <= this.#now()
  }

  async #read(key: TaskKey): Promise<Task | undefined> {
    const { Item } = await this.#guard('read', () =>
      this.#client.send(new GetCommand({ TableName: this.#table, Key: keyOf(key), ConsistentRead: true })),
    )
    return Item && fromRow(Item)
  }

  async #readMany(keys: readonly TaskKey[]): Promise<readonly Task[]> {
    const found = new Map<string, Task>()
    let pending = keys.map(keyOf)
    while (pending.length) {
      const answer = await this.#client.send(
        new BatchGetCommand({ RequestItems: { [this.#table]: { Keys: pending } } }),
      )
      for (const row of answer.Responses?.[this.#table] ?? []) found.set(String(row.id), fromRow(row))
      pending = answer.UnprocessedKeys?.[this.#table]?.Keys ?? []
    }
    return keys.flatMap(({ id }) => found.get(id) ?? [])
  }

  async #refusable<Answer extends object>(
    what: string,
    call: () => Promise<Answer>,
  ): Promise<Answer | { refused: true; old: Task | undefined }> {
    return this.#guard(what, async () => {
      try {
        return await call()
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error
        // Not every store sends the old row along; who needs it then reads.
        return { refused: true, old: error.Item && fromRow(unmarshall(error.Item)) }
      }
    })
  }

  async #guard<Answer>(what: string, call: () => Promise<Answer>): Promise<Answer> {
    try {
      return await call()
    } catch (cause) {
      throw cause instanceof UnavailableError
        ? cause
        : new UnavailableError(`The table did not answer (${what}).`, { cause })
    }
  }
}

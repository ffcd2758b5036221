import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import type { Task, TaskKey } from '../../domain/task.ts'
import type { Transition } from '../../domain/transitions.ts'
import type {
  ChangeResult,
  LeaseState,
  ListFilter,
  OpenCounts,
  TaskPage,
  TaskStore,
} from '../../ports/task-store.ts'
import { callLimits } from '../aws/call-limits.ts'
import { QUIET_LOGGER } from '../aws/quiet-logger.ts'
import { isRetentionOver, readTasks } from './read-tasks.ts'
import { fromRow, hasValidKey, keyOf, type Row, toRow } from './row.ts'
import { Table } from './table.ts'
import { toUpdate } from './write-expression.ts'

/** Undefined fields are left out: an optional field is absent in the row, never null. */
export const createDynamoClient = (): DynamoDBDocumentClient =>
  DynamoDBDocumentClient.from(
    new DynamoDBClient({ maxAttempts: 3, requestHandler: callLimits(), logger: QUIET_LOGGER }),
    { marshallOptions: { removeUndefinedValues: true } },
  )

export class DynamoTaskStore implements TaskStore {
  readonly #table: Table
  readonly #now: () => number
  readonly #writeId: () => string

  constructor(client: DynamoDBDocumentClient, table: string, now: () => number, writeId: () => string) {
    this.#table = new Table(client, table)
    this.#now = now
    this.#writeId = writeId
  }

  // One conditional put, no transaction: the key is derived from the idempotency key, so creation and replay are
  // the same write at half the price.
  async create(task: Task): Promise<{ created: true } | { created: false; existing: Task }> {
    const put = new PutCommand({
      TableName: this.#table.name,
      Item: toRow(task),
      ConditionExpression: 'attribute_not_exists(pk) OR #ttl <= :now',
      ExpressionAttributeNames: { '#ttl': 'ttl' },
      ExpressionAttributeValues: { ':now': Math.floor(this.#now() / 1_000) },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    for (;;) {
      const answer = await this.#table.write('create', (client) => client.send(put), { ...task })
      if (!('refused' in answer)) return { created: true }
      const existing = answer.old ? fromRow(answer.old) : await this.#read(task)
      // The row was deleted between the put and the read, so try the put again.
      if (!existing) continue
      return existing.writeId === task.writeId ? { created: true } : { created: false, existing }
    }
  }

  async get(key: TaskKey): Promise<Task | undefined> {
    if (!hasValidKey(key)) return undefined
    const task = await this.#read(key)
    return task && !this.#isGone(task) ? task : undefined
  }

  async getMany(keys: readonly TaskKey[]): Promise<readonly Task[]> {
    return readTasks(this.#table, keys.filter(hasValidKey).map(keyOf), this.#now(), { ConsistentRead: true })
  }

  async readLeases(keys: readonly TaskKey[]): Promise<readonly LeaseState[]> {
    const rows = await this.#table.readMany(keys.filter(hasValidKey).map(keyOf), {
      ConsistentRead: true,
      ProjectionExpression: 'tenant, id, #status, epoch, #token, watchedUntil',
      ExpressionAttributeNames: { '#status': 'status', '#token': 'token' },
    })
    return rows as unknown as readonly LeaseState[]
  }

  // Writes only this attribute and returns nothing: the watching function has no further permissions.
  async markWatched(key: TaskKey, until: number): Promise<void> {
    if (!hasValidKey(key)) return
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: keyOf(key),
      UpdateExpression: 'SET watchedUntil = :until',
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeValues: { ':until': until },
    })
    await this.#table.write('watch', (client) => client.send(update))
  }

  async change(key: TaskKey, transition: Transition): Promise<ChangeResult> {
    if (!hasValidKey(key)) return { changed: false, task: undefined }
    const writeId = this.#writeId()
    const update = new UpdateCommand(toUpdate(this.#table.name, key, transition, writeId, this.#now()))
    const written = { ...transition.set, ...(transition.record ? { history: transition.record } : {}) }
    const answer = await this.#table.write(transition.name, (client) => client.send(update), written)
    if (!('refused' in answer)) return { changed: true, task: fromRow(answer.Attributes as Row) }
    // Not every table implementation returns the row.
    const task = answer.old ? fromRow(answer.old) : await this.#read(key)
    if (!task || this.#isGone(task)) return { changed: false, task: undefined }
    // Refused because of our own write: it succeeded, its answer was lost, and the SDK sent it again.
    return { changed: task.writeId === writeId, task }
  }

  // In a separate chunk, because submits do not list tasks.
  async list(tenant: string, filter: ListFilter, limit: number, cursor?: string): Promise<TaskPage> {
    const { listTasks } = await import('./list-tasks.ts')
    return listTasks({ table: this.#table, now: this.#now }, { tenant, filter, limit, cursor })
  }

  async countOpen(tenant: string): Promise<OpenCounts> {
    const { countOpen } = await import('./list-tasks.ts')
    return countOpen({ table: this.#table, now: this.#now }, tenant)
  }

  #isGone(task: Task): boolean {
    return isRetentionOver(task, this.#now())
  }

  async #read(key: TaskKey): Promise<Task | undefined> {
    const { Item } = await this.#table.call('read', (client) =>
      client.send(new GetCommand({ TableName: this.#table.name, Key: keyOf(key), ConsistentRead: true })),
    )
    return Item && fromRow(Item)
  }
}

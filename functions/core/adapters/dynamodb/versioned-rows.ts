import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb'
import { DeleteCommand, type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { UnavailableError } from '../../domain/errors.ts'
import type { Row } from './row.ts'

interface Versioned {
  /** Grows with every write. */
  readonly version: number
}

export interface RowShape<Item extends Versioned> {
  readonly keyOf: (item: never) => Row
  readonly toRow: (item: Item) => Row
  readonly fromRow: (row: Row) => Item
}

/**
 * Rows that are replaced whole, each time in the place of the version that was seen. A write whose answer was lost is
 * recognised by its `writeId`.
 */
export class VersionedRows<Item extends Versioned> {
  readonly #client: DynamoDBDocumentClient
  readonly #table: string
  readonly #now: () => number
  readonly #writeId: () => string
  readonly #shape: RowShape<Item>

  constructor(
    client: DynamoDBDocumentClient,
    table: string,
    now: () => number,
    writeId: () => string,
    shape: RowShape<Item>,
  ) {
    this.#client = client
    this.#table = table
    this.#now = now
    this.#writeId = writeId
    this.#shape = shape
  }

  async create(item: Item): Promise<{ created: true } | { created: false; existing: Item }> {
    const writeId = this.#writeId()
    for (;;) {
      const answer = await this.#put(item, writeId, {
        ConditionExpression: 'attribute_not_exists(pk) OR #ttl <= :now',
        ExpressionAttributeNames: { '#ttl': 'ttl' },
        ExpressionAttributeValues: { ':now': Math.floor(this.#now() / 1_000) },
      })
      if (answer.isWritten) return { created: true }
      const row = answer.old ?? (await this.#read(item as never))
      if (row)
        return row.writeId === writeId
          ? { created: true }
          : { created: false, existing: this.#shape.fromRow(row) }
    }
  }

  /** Strongly consistent; a row whose `ttl` has passed does not exist. */
  async get(key: object): Promise<Item | undefined> {
    const row = await this.#read(key as never)
    const isThere = row && (row.ttl === undefined || Number(row.ttl) * 1_000 > this.#now())
    return isThere ? this.#shape.fromRow(row) : undefined
  }

  async replace(seen: Item, next: Item): Promise<boolean> {
    const writeId = this.#writeId()
    const written = { ...next, version: seen.version + 1, updatedAt: this.#now() }
    const answer = await this.#put(written, writeId, {
      ConditionExpression: 'version = :seen',
      ExpressionAttributeValues: { ':seen': seen.version },
    })
    // Refused by our own write: it landed, its answer was lost, and the SDK sent it again.
    return answer.isWritten || (answer.old ?? (await this.#read(seen as never)))?.writeId === writeId
  }

  /** @returns false when there is none of that version. */
  async remove(seen: Item): Promise<boolean> {
    const remove = new DeleteCommand({
      TableName: this.#table,
      Key: this.#shape.keyOf(seen as never),
      ConditionExpression: 'version = :seen',
      ExpressionAttributeValues: { ':seen': seen.version },
    })
    const answer = await this.call('remove', () => this.#refusable(() => this.#client.send(remove)))
    return answer.isWritten
  }

  async call<Answer>(what: string, work: () => Promise<Answer>): Promise<Answer> {
    try {
      return await work()
    } catch (cause) {
      throw cause instanceof UnavailableError
        ? cause
        : new UnavailableError(`The table did not answer (${what}).`, { cause })
    }
  }

  async #read(key: never): Promise<Row | undefined> {
    const get = new GetCommand({ TableName: this.#table, Key: this.#shape.keyOf(key), ConsistentRead: true })
    return (await this.call('read', () => this.#client.send(get))).Item
  }

  #put(item: Item, writeId: string, condition: object) {
    const put = new PutCommand({
      TableName: this.#table,
      Item: { ...this.#shape.toRow(item), ...this.#shape.keyOf(item as never), writeId },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      ...condition,
    })
    return this.call('put', () => this.#refusable(() => this.#client.send(put)))
  }

  async #refusable(
    send: () => Promise<unknown>,
  ): Promise<{ readonly isWritten: boolean; readonly old?: Row }> {
    try {
      await send()
      return { isWritten: true }
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error
      // Not every store sends the old row along; who needs it then reads.
      return error.Item ? { isWritten: false, old: unmarshall(error.Item) } : { isWritten: false }
    }
  }
}

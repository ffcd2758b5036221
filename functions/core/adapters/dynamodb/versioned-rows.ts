import { DeleteCommand, type DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb'
import { isValidKey, type Row } from './row.ts'
import { Table } from './table.ts'

interface VersionedRow {
  /** Increased by every write. */
  readonly version: number
}

export interface RowShape<Item extends VersionedRow> {
  readonly keyOf: (item: never) => Row
  readonly toRow: (item: Item) => Row
  readonly fromRow: (row: Row) => Item
}

/**
 * Rows that are replaced as a whole, each time on condition of the version that was read. A write whose answer was lost is
 * recognised by its `writeId`.
 */
export class VersionedRows<Item extends VersionedRow> {
  readonly table: Table
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
    this.table = new Table(client, table)
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
      if (!('refused' in answer)) return { created: true }
      const row = answer.old ?? (await this.#read(item as never))
      if (row)
        return row.writeId === writeId
          ? { created: true }
          : { created: false, existing: this.#shape.fromRow(row) }
    }
  }

  /** Strongly consistent; a row whose `ttl` has passed counts as deleted. */
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
    if (!('refused' in answer)) return true
    // Refused because of our own write: it succeeded, its answer was lost, and the SDK sent it again.
    return (answer.old ?? (await this.#read(seen as never)))?.writeId === writeId
  }

  /** @returns false when the row has changed since it was read. */
  async remove(seen: Item): Promise<boolean> {
    const remove = new DeleteCommand({
      TableName: this.table.name,
      Key: this.#shape.keyOf(seen as never),
      ConditionExpression: 'version = :seen',
      ExpressionAttributeValues: { ':seen': seen.version },
    })
    return !('refused' in (await this.table.write('remove', (client) => client.send(remove))))
  }

  async #read(key: never): Promise<Row | undefined> {
    const Key = this.#shape.keyOf(key)
    if (!isValidKey(Key)) return undefined
    return this.table.read('read', Key)
  }

  #put(item: Item, writeId: string, condition: object) {
    const put = new PutCommand({
      TableName: this.table.name,
      Item: { ...this.#shape.toRow(item), ...this.#shape.keyOf(item as never), writeId },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      ...condition,
    })
    return this.table.write('put', (client) => client.send(put), this.#shape.toRow(item))
  }
}

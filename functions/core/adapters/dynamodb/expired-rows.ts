import { DeleteCommand, type DynamoDBDocumentClient, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { ExpiredRows, ExpiredTask, ExpiryWalk } from '../../ports/expired-rows.ts'
import { keyOf, parseKey, type Row, UPLOAD_SORT_KEY } from './row.ts'
import { Table } from './table.ts'

const WALK: Row = { pk: TABLE.expiryWalk, sk: 'S' }

const toExpired = ({ pk, sk, ...row }: Row): ExpiredTask => ({
  ...(row as unknown as ExpiredTask),
  ...parseKey(String(pk)),
  ...(sk === UPLOAD_SORT_KEY ? { isUpload: true } : {}),
})

/** A cursor is the last key that the scan read. */
const readFrom = (from: string | undefined): Row | undefined => {
  const [pk, sk] = from === undefined ? [] : (JSON.parse(from) as string[])
  return pk === undefined ? undefined : { pk, sk }
}

// A scan once a day costs 1.6 cents per gigabyte. An index by end would cost a write per task.
export class DynamoExpiredRows implements ExpiredRows {
  readonly #table: Table
  readonly #now: () => number

  constructor(client: DynamoDBDocumentClient, table: string, now: () => number) {
    this.#table = new Table(client, table)
    this.#now = now
  }

  async *expired(from?: string) {
    let ExclusiveStartKey = readFrom(from)
    do {
      const scan = new ScanCommand({
        TableName: this.#table.name,
        FilterExpression: '#ttl <= :now AND sk IN (:row, :upload)',
        ProjectionExpression: 'pk, sk, id, writeId, #input, #result, stepsSince',
        ExpressionAttributeNames: { '#ttl': 'ttl', '#input': 'input', '#result': 'result' },
        ExpressionAttributeValues: {
          ':now': Math.floor(this.#now() / 1_000),
          ':row': keyOf({ tenant: '', id: '' }).sk,
          ':upload': UPLOAD_SORT_KEY,
        },
        ExclusiveStartKey,
      })
      const { Items = [], LastEvaluatedKey: last } = await this.#table.call('expired', (client) =>
        client.send(scan),
      )
      yield { rows: Items.map(toExpired), ...(last ? { next: JSON.stringify([last.pk, last.sk]) } : {}) }
      ExclusiveStartKey = last
    } while (ExclusiveStartKey)
  }

  async removeExpired(task: Pick<ExpiredTask, 'tenant' | 'id' | 'writeId' | 'isUpload'>): Promise<boolean> {
    const answer = await this.#table.write('remove', (client) =>
      client.send(
        new DeleteCommand({
          TableName: this.#table.name,
          Key: task.isUpload ? { ...keyOf(task), sk: UPLOAD_SORT_KEY } : keyOf(task),
          ConditionExpression: 'writeId = :seen AND #ttl <= :now',
          ExpressionAttributeNames: { '#ttl': 'ttl' },
          ExpressionAttributeValues: { ':seen': task.writeId, ':now': Math.floor(this.#now() / 1_000) },
        }),
      ),
    )
    return !('refused' in answer)
  }

  async readWalk(): Promise<ExpiryWalk | undefined> {
    const row = await this.#table.read('walk', WALK)
    return row && ({ begunAt: row.begunAt, ...(row.next ? { next: row.next } : {}) } as ExpiryWalk)
  }

  async writeWalk(walk: ExpiryWalk): Promise<void> {
    const put = new PutCommand({ TableName: this.#table.name, Item: { ...WALK, ...walk } })
    await this.#table.call('walk', (client) => client.send(put))
  }
}

import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { WaitPlaces } from '../../ports/wait-places.ts'
import { Table } from './table.ts'

/** Places looked at before it is said that all are taken. With half of them taken one in 16 callers is sent away. */
const LOOKS = 4

/**
 * A place is an item that says until when it is taken. One conditional write takes it, a holder that died gives it back
 * by the clock, and there are never more holders than items. Not taken: a counter, which a death leaves too high.
 */
export class DynamoWaitPlaces implements WaitPlaces {
  readonly #table: Table
  readonly #places: number
  readonly #kind: string
  readonly #random: () => number
  readonly #token: () => string

  constructor(
    client: DynamoDBDocumentClient,
    table: string,
    places: number,
    {
      kind,
      random,
      token,
    }: {
      /** Places of one kind are not taken by another. */
      readonly kind: 'wait' | 'watch'
      readonly random: () => number
      readonly token: () => string
    },
  ) {
    this.#kind = kind
    this.#table = new Table(client, table)
    this.#places = places
    this.#random = random
    this.#token = token
  }

  async take(now: number, until: number): Promise<(() => Promise<void>) | undefined> {
    const first = Math.floor(this.#random() * this.#places)
    const holder = this.#token()
    for (let look = 0; look < Math.min(LOOKS, this.#places); look += 1) {
      const place = `${this.#kind}-${(first + look) % this.#places}`
      const condition = 'attribute_not_exists(#until) OR #until <= :now'
      if (await this.#set(place, until, holder, condition, { ':now': now }))
        return async () => {
          await this.#set(place, 0, holder, '#holder = :holder', {})
        }
    }
    return undefined
  }

  async #set(
    place: string,
    until: number,
    holder: string,
    condition: string,
    values: object,
  ): Promise<boolean> {
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: { [TABLE.partitionKey]: TABLE.waitPlaces, [TABLE.sortKey]: place },
      UpdateExpression: 'SET #until = :until, #holder = :holder',
      ConditionExpression: condition,
      ExpressionAttributeNames: { '#until': 'until', '#holder': 'holder' },
      ExpressionAttributeValues: { ':until': until, ':holder': holder, ...values },
    })
    return !('refused' in (await this.#table.write('wait place', (client) => client.send(update))))
  }
}

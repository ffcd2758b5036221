import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { WaitPlaces } from '../../ports/wait-places.ts'
import { Table } from './table.ts'
import { takePlace } from './take-place.ts'

/** Places looked at before it is said that all are taken. With half of them taken one in 16 callers is sent away. */
const LOOKS = 4

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
      const key = { [TABLE.partitionKey]: TABLE.waitPlaces, [TABLE.sortKey]: place }
      const leave = await takePlace(this.#table, key, { now, until, holder })
      if (leave) return leave
    }
    return undefined
  }
}

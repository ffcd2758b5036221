import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { Place, WaitPlaces } from '../../ports/wait-places.ts'
import { Table } from './table.ts'
import { takePlace } from './take-place.ts'

/** Places tried before a caller is refused. With half of them taken, one in 16 callers is refused. */
const PLACES_TRIED = 4

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
      /** Each kind has its own places. */
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

  async take(now: number, until: number, before?: string): Promise<Place | undefined> {
    const holder = this.#token()
    const taken = { now, until, holder }
    const [, own = '', from = ''] = /^(\d{1,4})-(.+)$/.exec(before ?? '') ?? []
    // The stage may have reduced the number of places since.
    if (from !== '' && Number(own) < this.#places) {
      const place = await this.#take(Number(own), { ...taken, from })
      if (place) return place
    }
    const first = Math.floor(this.#random() * this.#places)
    for (let look = 0; look < Math.min(PLACES_TRIED, this.#places); look += 1) {
      const place = await this.#take((first + look) % this.#places, taken)
      if (place) return place
    }
    return undefined
  }

  async #take(index: number, taken: Parameters<typeof takePlace>[2]): Promise<Place | undefined> {
    const key = { [TABLE.partitionKey]: TABLE.waitPlaces, [TABLE.sortKey]: `${this.#kind}-${index}` }
    const leave = await takePlace(this.#table, key, taken)
    return (
      leave && {
        id: `${index}-${taken.holder}`,
        leave,
        isHeld: async () => (await this.#table.read('place', key))?.holder === taken.holder,
      }
    )
  }
}

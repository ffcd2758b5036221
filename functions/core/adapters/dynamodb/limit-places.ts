import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { LimitPlaces, PlaceHolder, PlaceKind, Places } from '../../ports/limit-places.ts'
import type { Row } from './row.ts'
import { Table } from './table.ts'

const keyOf = (tenant: string, kind: PlaceKind): Row => ({ pk: `Q#${encodeURIComponent(tenant)}`, sk: kind })
/** Most waiting objects, 45 bytes each; further ones try again after some time. */
const MAX_WAITING = 1_000
const NAMES = { '#taken': 'taken', '#waiting': 'waiting' }

/** A text that sorts by time: 13 digits are enough until the year 2286. */
const markOf = ({ id, since }: PlaceHolder): string => `${String(since).padStart(13, '0')}/${id}`
const setOf = (placed: readonly PlaceHolder[]): Set<string> => new Set(placed.map(markOf))

const toPlaced = (mark: string): PlaceHolder => ({ id: mark.slice(14), since: Number(mark.slice(0, 13)) })
const listOf = (marks: unknown): readonly PlaceHolder[] =>
  marks instanceof Set ? [...(marks as Set<string>)].toSorted().map(toPlaced) : []
const toPlaces = (row: Row | undefined): Places => ({
  taken: listOf(row?.taken),
  waiting: listOf(row?.waiting),
})

/** One row per tenant and kind with two sets of names, so that every write can be repeated. */
export class DynamoLimitPlaces implements LimitPlaces {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async take(
    tenant: string,
    kind: PlaceKind,
    placed: PlaceHolder,
    most: number,
    known: readonly PlaceHolder[] = [],
  ): Promise<Places | undefined> {
    const answer = await this.#table.update('places', keyOf(tenant, kind), {
      UpdateExpression: 'ADD #taken :taken DELETE #waiting :me',
      ConditionExpression: 'attribute_not_exists(#taken) OR size(#taken) < :most OR contains(#taken, :mark)',
      ExpressionAttributeNames: NAMES,
      ExpressionAttributeValues: {
        ':taken': setOf([placed, ...known]),
        ':me': setOf([placed]),
        ':mark': markOf(placed),
        ':most': most,
      },
    })
    return 'refused' in answer
      ? toPlaces(answer.old ?? (await this.#table.read('read', keyOf(tenant, kind))))
      : undefined
  }

  async leave(tenant: string, kind: PlaceKind, placed: readonly PlaceHolder[]): Promise<Places> {
    const answer = await this.#table.update('places', keyOf(tenant, kind), {
      UpdateExpression: 'DELETE #taken :them, #waiting :them',
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeNames: NAMES,
      ExpressionAttributeValues: { ':them': setOf(placed) },
      ReturnValues: 'ALL_NEW',
    })
    return toPlaces('refused' in answer ? undefined : answer.Attributes)
  }

  async wait(tenant: string, kind: PlaceKind, placed: PlaceHolder): Promise<Places> {
    const answer = await this.#table.update('places', keyOf(tenant, kind), {
      UpdateExpression: 'ADD #waiting :me',
      ConditionExpression: 'attribute_not_exists(#waiting) OR size(#waiting) < :most',
      ExpressionAttributeNames: { '#waiting': 'waiting' },
      ExpressionAttributeValues: { ':me': setOf([placed]), ':most': MAX_WAITING },
      ReturnValues: 'ALL_NEW',
    })
    return toPlaces('refused' in answer ? answer.old : answer.Attributes)
  }

  async call(tenant: string, kind: PlaceKind, placed: PlaceHolder): Promise<boolean> {
    const answer = await this.#table.update('places', keyOf(tenant, kind), {
      UpdateExpression: 'DELETE #waiting :me',
      ConditionExpression: 'contains(#waiting, :mark)',
      ExpressionAttributeNames: { '#waiting': 'waiting' },
      ExpressionAttributeValues: { ':me': setOf([placed]), ':mark': markOf(placed) },
    })
    return !('refused' in answer)
  }
}

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import { UnavailableError } from '../../domain/errors.ts'
import type { ProviderLimit } from '../../domain/provider-limit.ts'
import type { ProviderRates, Rate } from '../../ports/provider-rates.ts'
import type { Row } from './row.ts'
import { Table } from './table.ts'

/** One partition per model, so that each can have 1,000 calls per second. */
const keyOf = (name: string): Row => ({ pk: `RATE#${name}`, sk: 'rate' })
const MAX_TRIES = 50
const KEPT_SECONDS = 86_400

export class DynamoProviderRates implements ProviderRates {
  readonly #table: Table
  /** The last known clock of each model: with it, most calls need only one write. */
  readonly #planned = new Map<string, number>()

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async read(name: string): Promise<Rate | undefined> {
    const row = await this.#table.read('rate', keyOf(name))
    return (
      row && { planned: Number(row.planned ?? 0), ...(row.learned ? { learned: row.learned as never } : {}) }
    )
  }

  async take(
    name: string,
    { now, costMs, latest }: { readonly now: number; readonly costMs: number; readonly latest: number },
  ) {
    const reapAt = Math.floor(now / 1_000) + KEPT_SECONDS
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const isBusy = (this.#planned.get(name) ?? 0) > now
      const answer = await this.#table.update('rate', keyOf(name), {
        UpdateExpression: `SET #planned = ${isBusy ? '#planned + :cost' : ':next'}, #reapAt = :reapAt`,
        ConditionExpression: isBusy
          ? '#planned > :now AND #planned <= :latest'
          : 'attribute_not_exists(#planned) OR #planned <= :now',
        ExpressionAttributeNames: { '#planned': 'planned', '#reapAt': TABLE.ttl },
        ExpressionAttributeValues: {
          ':now': now,
          ':reapAt': reapAt,
          ...(isBusy ? { ':cost': costMs, ':latest': latest } : { ':next': now + costMs }),
        },
        ReturnValues: 'ALL_NEW',
      })
      if (!('refused' in answer)) {
        const planned = Number(answer.Attributes?.planned ?? now + costMs)
        this.#remember(name, planned)
        return { planned: planned - costMs, isTaken: true }
      }
      const planned = Number((answer.old ?? (await this.#table.read('rate', keyOf(name))))?.planned ?? 0)
      this.#remember(name, planned)
      if (planned > now && planned > latest) return { planned, isTaken: false }
    }
    throw new UnavailableError('Too many calls of one model at once.')
  }

  async learn(name: string, until: number, learned: ProviderLimit, now: number): Promise<void> {
    const values = { ':learned': { ...learned, at: now }, ':reapAt': Math.floor(now / 1_000) + KEPT_SECONDS }
    const names = { '#planned': 'planned', '#learned': 'learned', '#reapAt': TABLE.ttl }
    const moved = await this.#table.update('rate', keyOf(name), {
      UpdateExpression: 'SET #planned = :until, #learned = :learned, #reapAt = :reapAt',
      ConditionExpression: 'attribute_not_exists(#planned) OR #planned < :until',
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: { ...values, ':until': until },
    })
    if (!('refused' in moved)) this.#remember(name, until)
  }

  #remember(name: string, planned: number): void {
    if (this.#planned.size > 1_000) this.#planned.clear()
    this.#planned.set(name, planned)
  }
}

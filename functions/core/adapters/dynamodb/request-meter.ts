import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import { UnavailableError } from '../../domain/errors.ts'
import { intervalMs, type Rate, waitMsOf } from '../../domain/limits.ts'
import type { RequestMeter } from '../../ports/request-meter.ts'
import type { Row } from './row.ts'
import { Table } from './table.ts'
import { addRate } from './tenant-meter.ts'

/** Not in the row of open tasks: that has up to 250 kB, and a write is billed by the size of its row. */
const keyOf = (tenant: string): Row => ({
  pk: `${TABLE.requestsPrefix}${encodeURIComponent(tenant)}`,
  sk: 'requests',
})
/** Tries: each refusal returns the present value, and in each round one caller succeeds. */
const MAX_TRIES = 20
const MAX_TENANTS = 10_000

/** One conditional write per request, in a row of 60 bytes; a second one when requests have just paused or begun. */
export class DynamoRequestMeter implements RequestMeter {
  readonly #table: Table
  /** The last known planned time of each tenant's next request. */
  readonly #planned = new Map<string, number>()

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async take(tenant: string, rate: Rate, now: number): Promise<number | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const isBusy = (this.#planned.get(tenant) ?? 0) > now
      const write = { sets: [], conditions: [] as string[], names: {}, values: {} }
      addRate(write, rate, now, isBusy)
      const answer = await this.#table.update('requests', keyOf(tenant), {
        UpdateExpression: `SET ${write.sets.join(', ')}`,
        ConditionExpression: isBusy
          ? write.conditions.join(' AND ')
          : `attribute_not_exists(#planned) OR ${write.conditions.join(' AND ')}`,
        ExpressionAttributeNames: write.names,
        ExpressionAttributeValues: write.values,
      })
      if (!('refused' in answer)) {
        this.#remember(tenant, (isBusy ? (this.#planned.get(tenant) ?? now) : now) + intervalMs(rate))
        return undefined
      }
      const row = answer.old ?? (await this.#table.read('requests', keyOf(tenant)))
      const planned = Number(row?.planned ?? 0)
      this.#remember(tenant, planned)
      const waitMs = waitMsOf(rate, planned, now)
      if (waitMs !== undefined) return waitMs
    }
    throw new UnavailableError('Too many requests at once.')
  }

  #remember(tenant: string, planned: number): void {
    if (this.#planned.size >= MAX_TENANTS) this.#planned.clear()
    this.#planned.set(tenant, planned)
  }
}

import { type DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { UnavailableError } from '../../domain/errors.ts'
import {
  type LimitReached,
  OPEN_TASKS_RETRY_MS,
  submitIntervalMs,
  submitToleranceMs,
  type TenantLimits,
} from '../../domain/limits.ts'
import type { OpenTask, TenantMeter } from '../../ports/tenant-meter.ts'
import type { Row } from './row.ts'
import { Table } from './table.ts'

const keyOf = (tenant: string): Row => ({ pk: `Q#${encodeURIComponent(tenant)}`, sk: 'meter' })
/** Racing callers that see the row in another state than they thought; each round somebody gets in. */
const TRIES = 150

/**
 * One row per tenant: the open tasks by id, how many, and when the next submit of a steady stream would come. One write
 * takes all. The row grows by some 40 bytes per open task, which each write pays for; hence the bound in the stage's file.
 * Not taken: a counter beside the rows, which every death between the two leaves wrong for good.
 */
export class DynamoTenantMeter implements TenantMeter {
  readonly #table: Table
  /** What was last seen of each tenant: the first guess is then mostly right, and one write is all. */
  readonly #planned = new Map<string, number>()

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async take(
    tenant: string,
    taskId: string,
    limits: TenantLimits,
    now: number,
  ): Promise<(LimitReached & { readonly open: readonly OpenTask[] }) | undefined> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const isBusy = (this.#planned.get(tenant) ?? 0) > now
      const answer = await this.#write(tenant, taskId, limits, now, isBusy)
      if (answer === 'taken') return undefined
      const row = answer ?? (await this.#read(tenant))
      if (!row) {
        await this.#begin(tenant)
        continue
      }
      const open = openOf(row)
      if (limits.openTasks !== undefined && open.some(({ id }) => id === taskId)) return undefined
      if (limits.openTasks !== undefined && Number(row.openCount) >= limits.openTasks)
        return { limit: 'open_tasks', retryAfterMs: OPEN_TASKS_RETRY_MS, open }
      const planned = Number(row.planned)
      this.#remember(tenant, planned)
      const waitMs = planned - now - submitToleranceMs(limits)
      if (limits.submitsPerMinute !== undefined && planned > now && waitMs > 0)
        return { limit: 'submits', retryAfterMs: waitMs, open }
    }
    throw new UnavailableError('Too many submit at once.')
  }

  async release(tenant: string, taskId: string): Promise<void> {
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: keyOf(tenant),
      UpdateExpression: 'SET #count = #count - :one REMOVE #open.#id',
      ConditionExpression: 'attribute_exists(#open.#id)',
      ExpressionAttributeNames: { '#count': 'openCount', '#open': 'open', '#id': taskId },
      ExpressionAttributeValues: { ':one': 1 },
    })
    await this.#table.write('release', (client) => client.send(update))
  }

  async #write(
    tenant: string,
    taskId: string,
    limits: TenantLimits,
    now: number,
    isBusy: boolean,
  ): Promise<'taken' | Row | undefined> {
    const sets: string[] = []
    const conditions = ['attribute_exists(#count)']
    const names: Record<string, string> = { '#count': 'openCount' }
    const values: Record<string, number> = {}
    if (limits.openTasks !== undefined) {
      Object.assign(names, { '#open': 'open', '#id': taskId })
      Object.assign(values, { ':since': now, ':one': 1, ':most': limits.openTasks })
      sets.push('#open.#id = :since', '#count = #count + :one')
      conditions.push('attribute_not_exists(#open.#id)', '#count < :most')
    }
    if (limits.submitsPerMinute !== undefined) {
      const interval = submitIntervalMs(limits)
      names['#planned'] = 'planned'
      values[':now'] = now
      if (isBusy) {
        values[':interval'] = interval
        values[':latest'] = now + submitToleranceMs(limits)
        sets.push('#planned = #planned + :interval')
        conditions.push('#planned > :now', '#planned <= :latest')
      } else {
        values[':next'] = now + interval
        sets.push('#planned = :next')
        conditions.push('#planned <= :now')
      }
    }
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: keyOf(tenant),
      UpdateExpression: `SET ${sets.join(', ')}`,
      ConditionExpression: conditions.join(' AND '),
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    const answer = await this.#table.write('meter', (client) => client.send(update))
    if ('refused' in answer) return answer.old
    if (limits.submitsPerMinute !== undefined)
      this.#remember(tenant, (isBusy ? (this.#planned.get(tenant) ?? now) : now) + submitIntervalMs(limits))
    return 'taken'
  }

  async #begin(tenant: string): Promise<void> {
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: keyOf(tenant),
      UpdateExpression: 'SET #open = :none, #count = :zero, #planned = :zero',
      ConditionExpression: 'attribute_not_exists(pk)',
      ExpressionAttributeNames: { '#open': 'open', '#count': 'openCount', '#planned': 'planned' },
      ExpressionAttributeValues: { ':none': {}, ':zero': 0 },
    })
    await this.#table.write('meter', (client) => client.send(update))
  }

  async #read(tenant: string): Promise<Row | undefined> {
    const get = new GetCommand({ TableName: this.#table.name, Key: keyOf(tenant), ConsistentRead: true })
    return (await this.#table.call('read', (client) => client.send(get))).Item
  }

  #remember(tenant: string, planned: number): void {
    if (this.#planned.size > 10_000) this.#planned.clear()
    this.#planned.set(tenant, planned)
  }
}

const openOf = (row: Row): readonly OpenTask[] =>
  Object.entries((row.open ?? {}) as Record<string, number>).map(([id, since]) => ({
    id,
    since: Number(since),
  }))

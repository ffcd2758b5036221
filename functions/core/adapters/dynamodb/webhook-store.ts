import { type DynamoDBDocumentClient, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { TaskKey } from '../../domain/task.ts'
import type { Delivery, WebhookSettings } from '../../domain/webhook.ts'
import { type DeliveryFilter, matchesFilter, type WebhookStore } from '../../ports/webhook-store.ts'
import { createdKey, dueShard, type Row } from './row.ts'
import { takePlace } from './take-place.ts'
import { VersionedRows } from './versioned-rows.ts'

const settingsKey = ({ tenant }: { readonly tenant: string }): Row => ({
  pk: `E#${encodeURIComponent(tenant)}`,
  sk: 'webhooks',
})
const deliveryKey = ({ tenant, id }: TaskKey): Row => ({
  pk: `D#${encodeURIComponent(tenant)}#${id}`,
  sk: 'D',
})

const listPartition = (tenant: string): string => `D#${tenant}`

function toDeliveryRow({ tenant, ttl, ...rest }: Delivery): Row {
  return {
    ...rest,
    owner: tenant,
    // The list index has one partition for each tenant's tasks, and another for its deliveries.
    listShard: listPartition(tenant),
    createdKey: createdKey(rest.createdAt, rest.id),
    ttl,
    [TABLE.ttl]: ttl,
    ...(rest.dueAt === undefined ? {} : { dueShard: dueShard('timed', rest.id) }),
  }
}

function fromDeliveryRow(row: Row): Delivery {
  const {
    pk,
    sk,
    listShard,
    createdKey,
    dueShard,
    writeId,
    updatedAt,
    owner,
    [TABLE.ttl]: _reapAt,
    ...rest
  } = row
  return { ...rest, tenant: owner } as unknown as Delivery
}

function toSettingsRow({ tenant, ...rest }: WebhookSettings): Row {
  return { ...rest, owner: tenant }
}

function fromSettingsRow(row: Row): WebhookSettings {
  const { pk, sk, writeId, updatedAt, owner, ...rest } = row
  return { ...rest, tenant: owner } as unknown as WebhookSettings
}

/** Most concurrent deliveries to one host, over all functions of a stage. */
const PLACES = 5
const PLACE_TTL_SECONDS = 3_600
const MAX_DELIVERIES_READ = 1_000

export class DynamoWebhookStore implements WebhookStore {
  readonly #deliveries: VersionedRows<Delivery>
  readonly #settings: VersionedRows<WebhookSettings>
  readonly #token: () => string

  constructor(client: DynamoDBDocumentClient, table: string, now: () => number, token: () => string) {
    this.#token = token
    this.#deliveries = new VersionedRows(client, table, now, token, {
      keyOf: deliveryKey,
      toRow: toDeliveryRow,
      fromRow: fromDeliveryRow,
    })
    this.#settings = new VersionedRows(client, table, now, token, {
      keyOf: settingsKey,
      toRow: toSettingsRow,
      fromRow: fromSettingsRow,
    })
  }

  settings(tenant: string): Promise<WebhookSettings | undefined> {
    return this.#settings.get({ tenant })
  }

  async createSettings(settings: WebhookSettings): Promise<WebhookSettings> {
    const outcome = await this.#settings.create(settings)
    return outcome.created ? settings : outcome.existing
  }

  replaceSettings(seen: WebhookSettings, next: WebhookSettings): Promise<boolean> {
    return this.#settings.replace(seen, next)
  }

  /** An update, because workers have no permission to put rows. */
  async createDelivery(delivery: Delivery): Promise<void> {
    const fields = Object.entries(toDeliveryRow(delivery)).filter(([, value]) => value !== undefined)
    const update = new UpdateCommand({
      TableName: this.#deliveries.table.name,
      Key: deliveryKey(delivery),
      UpdateExpression: `SET ${fields.map((_, index) => `#f${index} = :f${index}`).join(', ')}`,
      ConditionExpression: 'attribute_not_exists(pk)',
      ExpressionAttributeNames: Object.fromEntries(fields.map(([name], index) => [`#f${index}`, name])),
      ExpressionAttributeValues: Object.fromEntries(fields.map(([, value], index) => [`:f${index}`, value])),
    })
    await this.#deliveries.table.write('delivery', (client) => client.send(update))
  }

  delivery(key: TaskKey): Promise<Delivery | undefined> {
    return this.#deliveries.get(key)
  }

  replaceDelivery(seen: Delivery, next: Delivery): Promise<boolean> {
    return this.#deliveries.replace(seen, next)
  }

  async listDeliveries(tenant: string, filter: DeliveryFilter, limit: number, cursor?: string) {
    const found: Delivery[] = []
    let after = cursor
    for (let looked = 0; looked < MAX_DELIVERIES_READ; ) {
      const query = new QueryCommand({
        TableName: this.#deliveries.table.name,
        IndexName: TABLE.listIndex.name,
        KeyConditionExpression: `listShard = :shard${after === undefined ? '' : ' AND createdKey < :after'}`,
        ExpressionAttributeValues: {
          ':shard': listPartition(tenant),
          ...(after === undefined ? {} : { ':after': after }),
        },
        ScanIndexForward: false,
        Limit: 100,
      })
      const { Items = [] } = await this.#deliveries.table.call('list', (client) => client.send(query))
      // The rows are read by key, because the index lags and has only keys.
      const rows = await this.#deliveries.table.readMany(Items.map(({ pk }) => ({ pk, sk: 'D' })))
      const byId = new Map(rows.map((row) => [String(row.pk), fromDeliveryRow(row)]))
      for (const { pk, createdKey } of Items) {
        const one = byId.get(String(pk))
        after = String(createdKey)
        if (!one || !matchesFilter(one, filter)) continue
        found.push(one)
        if (found.length >= limit) return { deliveries: found, cursor: after }
      }
      if (Items.length < 100) return { deliveries: found }
      looked += Items.length
    }
    return { deliveries: found, ...(after === undefined ? {} : { cursor: after }) }
  }

  async takePlace(host: string, now: number, until: number): Promise<(() => Promise<void>) | undefined> {
    const holder = this.#token()
    const reapAt = Math.floor(until / 1_000) + PLACE_TTL_SECONDS
    for (let place = 0; place < PLACES; place += 1) {
      const key = { pk: `P#${host}`, sk: String(place) }
      const leave = await takePlace(this.#deliveries.table, key, { now, until, holder, reapAt })
      if (leave) return leave
    }
    return undefined
  }
}

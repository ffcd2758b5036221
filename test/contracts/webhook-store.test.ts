import { afterAll, describe, expect, it } from 'vitest'
import { DynamoDueIndex } from '../../functions/core/adapters/dynamodb/due-index.ts'
import { DynamoWebhookStore } from '../../functions/core/adapters/dynamodb/webhook-store.ts'
import type { Delivery } from '../../functions/core/domain/webhook.ts'
import type { WebhookStore } from '../../functions/core/ports/webhook-store.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { MemoryWebhooks } from '../fixtures/memory-webhooks.ts'

const dynalite = await startDynalite()
afterAll(() => dynalite.stop())

const now = 1_800_000_000_000
let count = 0
const token = () => `write-${++count}`
const delivery: Delivery = {
  tenant: 'a/b#c',
  id: 'delivery000000000000000001',
  taskId: 'task1',
  epoch: 1,
  event: 'completed',
  url: 'https://example.com/hook',
  status: 'PENDING',
  occurredAt: now,
  createdAt: now,
  attempts: 0,
  log: [],
  nextAt: now,
  dueAt: now + 90_000,
  ttl: now / 1_000 + 86_400,
  version: 1,
}

describe.each<[string, () => Promise<WebhookStore>]>([
  ['memory', async () => new MemoryWebhooks()],
  [
    'the table',
    async () => new DynamoWebhookStore(dynalite.documents, await dynalite.createTable(), () => now, token),
  ],
])('%s meets the contract of a webhook store', (_name, open) => {
  it('a delivery is created once, read only by its tenant, and replaced only at the expected version', async () => {
    const store = await open()
    await store.createDelivery(delivery)
    await store.createDelivery({ ...delivery, url: 'https://example.com/other' })
    expect(await store.delivery(delivery)).toEqual(delivery)
    expect(await store.delivery({ ...delivery, tenant: 'a' })).toBeUndefined()
    const { nextAt, dueAt, ...rest } = delivery
    const next = { ...rest, status: 'DELIVERED' as const, attempts: 1 }
    expect(await store.replaceDelivery(delivery, next)).toBe(true)
    expect(await store.replaceDelivery(delivery, next)).toBe(false)
    expect(await store.delivery(delivery)).toEqual({ ...next, version: 2 })
  })

  it('lists the deliveries of one tenant, newest first, by status and task, page by page', async () => {
    const store = await open()
    for (let index = 0; index < 5; index += 1)
      await store.createDelivery({
        ...delivery,
        id: `delivery00000000000000000${index}`,
        taskId: `task${index % 2}`,
        createdAt: now + index,
        status: index === 4 ? 'FAILED' : 'PENDING',
      })
    await store.createDelivery({ ...delivery, tenant: 'other' })
    const first = await store.listDeliveries('a/b#c', {}, 3)
    expect(first.deliveries.map(({ id }) => id.at(-1))).toEqual(['4', '3', '2'])
    const second = await store.listDeliveries('a/b#c', {}, 3, first.cursor)
    expect(second.deliveries.map(({ id }) => id.at(-1))).toEqual(['1', '0'])
    expect(second.cursor).toBeUndefined()
    const failed = await store.listDeliveries('a/b#c', { status: 'FAILED' }, 3)
    expect(failed.deliveries.map(({ id }) => id.at(-1))).toEqual(['4'])
    const ofTask = await store.listDeliveries('a/b#c', { taskId: 'task1' }, 3)
    expect(ofTask.deliveries.map(({ id }) => id.at(-1))).toEqual(['3', '1'])
  })

  it('the first settings are kept, and replaced only at the expected version', async () => {
    const store = await open()
    const settings = { tenant: 'a#b', endpoints: [], secret: 'whsec_one', version: 1 }
    expect(await store.settings('a#b')).toBeUndefined()
    expect(await store.createSettings(settings)).toEqual(settings)
    expect(await store.createSettings({ ...settings, secret: 'whsec_two' })).toEqual(settings)
    expect(await store.replaceSettings(settings, { ...settings, secret: 'whsec_three' })).toBe(true)
    expect(await store.replaceSettings(settings, settings)).toBe(false)
    expect(await store.settings('a#b')).toMatchObject({ secret: 'whsec_three', version: 2 })
    expect(await store.settings('a')).toBeUndefined()
  })

  it('a host has five places: the sixth delivery waits until one is free or has expired', async () => {
    const store = await open()
    const taken = await Promise.all(
      Array.from({ length: 5 }, () => store.takePlace('example.com', now, now + 30_000)),
    )
    expect(taken.every((leave) => leave !== undefined)).toBe(true)
    expect(await store.takePlace('example.com', now, now + 30_000)).toBeUndefined()
    expect(await store.takePlace('example.org', now, now + 30_000)).toBeDefined()
    await taken[2]?.()
    expect(await store.takePlace('example.com', now, now + 30_000)).toBeDefined()
    expect(await store.takePlace('example.com', now, now + 30_000)).toBeUndefined()
    expect(await store.takePlace('example.com', now + 30_000, now + 60_000)).toBeDefined()
    // A sender that returns its place late does not return the place of the next one.
    await taken[0]?.()
    expect(await store.takePlace('example.com', now + 30_001, now + 60_000)).toBeDefined()
  })
})

it('a delivery is in the due index under its own kind until it has ended', async () => {
  const table = await dynalite.createTable()
  const webhooks = new DynamoWebhookStore(dynalite.documents, table, () => now, token)
  const index = new DynamoDueIndex(dynalite.documents, table)
  const due = async () => {
    const found = []
    for (const pages of index.shards('timed', now + 100_000))
      for await (const page of pages) found.push(...page)
    return found
  }
  await webhooks.createDelivery(delivery)
  expect(await due()).toEqual([{ item: 'delivery', tenant: 'a/b#c', id: delivery.id, dueAt: now + 90_000 }])
  const { nextAt, dueAt, ...rest } = delivery
  await webhooks.replaceDelivery(delivery, { ...rest, status: 'FAILED' })
  expect(await due()).toEqual([])
})

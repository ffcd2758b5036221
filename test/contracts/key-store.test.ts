import { afterAll, describe, expect, it } from 'vitest'
import { DynamoExpiredRows } from '../../functions/core/adapters/dynamodb/expired-rows.ts'
import { DynamoKeyStore } from '../../functions/core/adapters/dynamodb/key-store.ts'
import { DynamoTaskStore } from '../../functions/core/adapters/dynamodb/task-store.ts'
import type { ApiKey } from '../../functions/core/domain/api-key.ts'
import type { KeyStore } from '../../functions/core/ports/key-store.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { MemoryKeys } from '../fixtures/memory-keys.ts'

const dynalite = await startDynalite()
afterAll(() => dynalite.stop())

const now = 1_800_000_000_000
let count = 0
const token = () => `write-${++count}`
const key: ApiKey = {
  tenant: 'a',
  id: '0123456789abcdefghjkmnpqr1',
  version: 1,
  name: 'website',
  scopes: ['tasks:read'],
  hash: 'h',
  createdAt: now,
}

describe.each<[string, () => Promise<KeyStore>]>([
  ['memory', async () => new MemoryKeys()],
  [
    'the table',
    async () => new DynamoKeyStore(dynalite.documents, await dynalite.createTable(), () => now, token),
  ],
])('%s meets the contract of a key store', (_name, open) => {
  it('a key is created once, read by its id, and replaced only at the expected version', async () => {
    const store = await open()
    expect(await store.create(key)).toEqual({ created: true })
    expect(await store.create({ ...key, hash: 'another' })).toMatchObject({ created: false, existing: key })
    expect(await store.get(key.id)).toEqual(key)
    expect(await store.get('nobody')).toBeUndefined()
    expect(await store.replace(key, { ...key, revokedAt: now })).toBe(true)
    expect(await store.replace(key, { ...key, lastUsedAt: now })).toBe(false)
    const seen = await store.get(key.id)
    expect(seen).toMatchObject({ revokedAt: now, version: 2, tenant: 'a' })
    expect(seen).not.toHaveProperty('lastUsedAt')
  })

  it('a list contains only one tenant’s keys, newest first', async () => {
    const store = await open()
    const newer = { ...key, id: '0123456789abcdefghjkmnpqr2', createdAt: now + 1 }
    for (const item of [key, newer, { ...key, id: '0123456789abcdefghjkmnpqr3', tenant: 'ab' }])
      await store.create(item)
    expect((await store.list('a')).map(({ id }) => id)).toEqual([newer.id, key.id])
    expect(await store.list('K#a')).toEqual([])
  })

  it('a list of one tenant’s keys is complete beyond the first page, newest first', async () => {
    const store = await open()
    const made = Array.from({ length: 130 }, (_, index) => ({
      ...key,
      id: `${String(index).padStart(4, '0')}${'a'.repeat(22)}`,
      createdAt: now + index,
    }))
    for (const one of made) await store.create(one)
    await store.create({ ...key, id: `z${'a'.repeat(25)}`, tenant: 'ab' })
    const listed = await store.list('a')
    expect(listed.map(({ id }) => id)).toEqual(made.map(({ id }) => id).reverse())
  })
})

it('keys are not in a tenant’s list of tasks, nor in the rows that the daily cleanup reads', async () => {
  const table = await dynalite.createTable()
  await new DynamoKeyStore(dynalite.documents, table, () => now, token).create(key)
  const tasks = new DynamoTaskStore(dynalite.documents, table, () => now + 1e12, token)
  const expired = new DynamoExpiredRows(dynalite.documents, table, () => now + 1e12)
  for await (const { rows } of expired.expired()) expect(rows).toEqual([])
  expect(await tasks.get({ tenant: 'a', id: key.id })).toBeUndefined()
})

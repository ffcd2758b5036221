import { afterAll, describe, expect, it } from 'vitest'
import { DynamoExpiredRows } from '../../functions/core/adapters/dynamodb/expired-rows.ts'
import { DynamoUploadStore } from '../../functions/core/adapters/dynamodb/upload-store.ts'
import type { Upload } from '../../functions/core/domain/upload.ts'
import type { UploadStore } from '../../functions/core/ports/upload-store.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { MemoryUploads } from '../fixtures/memory-uploads.ts'

const dynalite = await startDynalite()
afterAll(() => dynalite.stop())

let now = 1_800_000_000_000
let count = 0
const token = () => `write-${++count}`
const upload: Upload = {
  tenant: 'a/b#c',
  id: 'upload00000000000000000001',
  version: 1,
  name: null,
  contentType: 'application/pdf',
  bytes: 9,
  createdAt: now,
  linkEndsAt: now + 3_600_000,
  ttl: now / 1_000 + 100,
}

describe.each<[string, () => Promise<UploadStore>]>([
  ['memory', async () => new MemoryUploads(() => now)],
  [
    'the table',
    async () => new DynamoUploadStore(dynalite.documents, await dynalite.createTable(), () => now, token),
  ],
])('%s meets the contract of an upload store', (_name, open) => {
  it('a row is created, read only by its tenant, and replaced only at the expected version', async () => {
    const store = await open()
    expect(await store.create(upload)).toEqual({ created: true })
    expect(await store.get(upload)).toEqual(upload)
    expect(await store.get({ ...upload, tenant: 'a' })).toBeUndefined()
    const next = { ...upload, mediaType: 'application/pdf', ttl: upload.ttl + 1_000 }
    expect(await store.replace(upload, next)).toBe(true)
    expect(await store.replace(upload, next)).toBe(false)
    expect(await store.get(upload)).toMatchObject({ mediaType: 'application/pdf', version: 2 })
  })

  it('an upload that has expired does not exist', async () => {
    const store = await open()
    await store.create(upload)
    now += 101_000
    expect(await store.get(upload)).toBeUndefined()
    now -= 101_000
  })
})

it('the daily cleanup finds an expired upload and deletes only its row', async () => {
  const table = await dynalite.createTable()
  const uploads = new DynamoUploadStore(dynalite.documents, table, () => now, token)
  const tasks = new DynamoExpiredRows(dynalite.documents, table, () => now)
  await uploads.create(upload)
  const found = async () => {
    const rows = []
    for await (const page of tasks.expired()) rows.push(...page.rows)
    return rows
  }
  expect(await found()).toEqual([])
  now += 101_000
  const [expired] = await found()
  expect(expired).toMatchObject({ tenant: 'a/b#c', id: upload.id, isUpload: true })
  if (!expired) throw new Error('not found')
  expect(await tasks.removeExpired({ ...expired, writeId: 'another' })).toBe(false)
  expect(await tasks.removeExpired(expired)).toBe(true)
  expect(await found()).toEqual([])
})

import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb'
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import routesFile from '../../functions/api/routes.gen.json' with { type: 'json' }
import type { Route, Scope } from '../../functions/contract.ts'
import { makeAdminKey } from '../../lib/deploy/admin-key.ts'
import { startTestRuntime } from '../fixtures/running.ts'

/** This text is in every input below; after a deletion it must be nowhere. */
const MARK = 'Zebrafink'

let running: Awaited<ReturnType<typeof startTestRuntime>>
let dynamo: DynamoDBClient
let s3: S3Client
let operator: string
beforeAll(async () => {
  running = await startTestRuntime({
    AUTH: 'keys',
    TENANT_KMS_ARNS: '{"sealed": "arn:aws:kms:eu-central-1:111122223333:key/1"}',
  })
  const settings = { region: 'eu-central-1', credentials: running.credentials }
  dynamo = new DynamoDBClient({ ...settings, endpoint: running.endpoints.dynamodb })
  s3 = new S3Client({ ...settings, endpoint: running.endpoints.s3, forcePathStyle: true })
  operator = (await makeAdminKey((event) => running.pool('Keys').invoke(event), Date.now()))?.key ?? ''
})
afterAll(async () => {
  dynamo.destroy()
  s3.destroy()
  await running.stop()
})

async function call<Body = { id: string; status: string; key: string }>(
  method: string,
  path: string,
  key: string,
  body?: object,
) {
  const answer = await fetch(`${running.url}/api/v1${path}`, {
    method,
    headers: { 'x-api-key': key, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await answer.text()
  return { status: answer.status, body: (text ? JSON.parse(text) : undefined) as Body }
}

const make = async (tenant: string, scopes: readonly Scope[] = ['tasks:read', 'tasks:write', 'keys:admin']) =>
  (await call('POST', '/keys', operator, { name: 'test', scopes, tenant })).body

/** The whole content of table and bucket, as text. */
async function scan() {
  const rows: string[] = []
  for await (const { Items = [] } of paginateScan(
    { client: dynamo },
    { TableName: running.plan.tables[0]?.name },
  ))
    rows.push(...Items.map((row) => JSON.stringify(row)))
  const Bucket = running.plan.buckets[0]?.name
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }))
  return { rows, objects: Contents.map(({ Key = '' }) => Key) }
}

const finished = async (id: string, key: string) => {
  const { body } = await call<{ status: string; result: unknown }>('GET', `/tasks/${id}?wait=25`, key)
  expect(body.status).toBe('COMPLETED')
  return body
}

/** Too large for a row: its prompt is in the bucket. */
const long = { type: 'text.generate', model: 'simulated', input: { prompt: `${MARK} `.repeat(2_000) } }

describe('a tenant with a key of its own', () => {
  it('has no text of its inputs, steps, files and results in a row: they are in the bucket under its key', async () => {
    const { key } = await make('sealed')
    const mark = 'Seidenreiher'
    const prompt = `Say ${mark}, please.`
    const short = { type: 'text.generate', model: 'simulated', input: { prompt } }
    const { body: task } = await call('POST', '/tasks', key, short)
    const { body: flow } = await call('POST', '/workflows', key, {
      chain: [short, { ...short, input: { prompt: `${mark} after {{previous.result}}` } }],
    })
    const { body: document } = await call('POST', '/tasks', key, {
      type: 'document.process',
      model: 'simulated',
      input: { text: `${mark} is a bird. `.repeat(20), ask: { summary: 'What is it?' } },
    })
    const upload = await fetch(`${running.url}/api/v1/uploads`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: JSON.stringify({ content_type: 'text/plain', bytes: 3 }),
    })
    expect(await upload.json()).toMatchObject({
      headers: {
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:eu-central-1:111122223333:key/1',
      },
    })
    const done = await finished(task.id, key)
    expect(done).toMatchObject({ result: expect.stringContaining(mark), input: { prompt } })
    const state = async () => (await call('GET', `/workflows/${flow.id}`, key)).body.status
    await expect.poll(state, { timeout: 30_000 }).toBe('COMPLETED')
    await call('GET', `/tasks/${document.id}?wait=25`, key)
    const { rows, objects } = await scan()
    expect(rows.filter((row) => row.includes(mark))).toEqual([])
    expect(rows.filter((row) => row.includes(task.id)).length).toBeGreaterThan(0)
    expect(objects.filter((name) => name.includes(`/sealed/${task.id}/`)).length).toBe(2)
    // For a tenant without a key, the same text is in its row.
    const { key: plain } = await make('unsealed')
    const { body: other } = await call('POST', '/tasks', plain, short)
    await finished(other.id, plain)
    expect((await scan()).rows.filter((row) => row.includes(mark)).length).toBeGreaterThan(0)
  })
})

describe('deletion on demand', () => {
  it('deletes the content of one finished task from table and bucket, and keeps its cost', async () => {
    const { key } = await make('erase-one')
    const { body: task } = await call('POST', '/tasks', key, { ...long, tags: [MARK] })
    expect((await call('DELETE', `/tasks/${task.id}/content`, key)).status).toBeOneOf([204, 409])
    await finished(task.id, key)
    const holds = async () => {
      const { rows, objects } = await scan()
      return {
        rows: rows.filter((row) => row.includes(task.id) && row.includes(MARK)).length,
        objects: objects.filter((name) => name.includes(task.id)).length,
      }
    }
    const before = await holds()
    expect(before.rows + before.objects).toBeGreaterThan(0)
    expect((await call('DELETE', `/tasks/${task.id}/content`, key)).status).toBe(204)
    expect(await holds()).toEqual({ rows: 0, objects: 0 })
    const left = await call<object>('GET', `/tasks/${task.id}`, key)
    expect(left.body).toMatchObject({
      status: 'COMPLETED',
      input: null,
      result: null,
      tags: [],
      usage: { provider: 'simulated' },
    })
    // A second deletion is no error.
    expect((await call('DELETE', `/tasks/${task.id}/content`, key)).status).toBe(204)
  })

  it('prevents another run of a task whose input is deleted', async () => {
    const { key } = await make('erase-one')
    const wanted = { type: 'example.add', input: { x: 1, y: 2 }, delay_seconds: 600 }
    const { body: task } = await call('POST', '/tasks', key, wanted)
    expect((await call('DELETE', `/tasks/${task.id}/content`, key)).status).toBe(409)
    expect((await call('POST', `/tasks/${task.id}/cancel`, key)).status).toBe(200)
    expect((await call('DELETE', `/tasks/${task.id}/content`, key)).status).toBe(204)
    expect(await call('POST', `/tasks/${task.id}/retry`, key)).toMatchObject({
      status: 409,
      body: { code: 'wrong_state', detail: expect.stringContaining('deleted') },
    })
  })

  it('deletes everything of one tenant, of every kind, and nothing of another', async () => {
    const [gone, kept] = ['leaving', 'leaving2']
    const keys = { [gone]: (await make(gone)).key, [kept]: (await make(kept)).key }
    const task = { type: 'example.add', input: { x: 1, y: 2 } }
    for (const key of Object.values(keys)) {
      const bodies: Readonly<Record<string, object>> = {
        '/tasks': long,
        '/workflows': { chain: [task, { ...task, input: { x: 3, y: 4 } }] },
        '/schedules': { task, rate_seconds: 86_400 },
        '/uploads': { content_type: 'text/plain', bytes: 3 },
        '/webhooks': { url: 'https://example.com/hook' },
        '/keys': { name: MARK, scopes: ['tasks:read'] },
      }
      // A new kind of resource with an id fails here until it is added to them.
      const declared = (routesFile as readonly Route[])
        .filter(({ path, scope }) => path.includes('/{id}') && !scope.startsWith('ops:'))
        .map(({ path }) => `/${path.split('/')[1]}`)
      expect(Object.keys(bodies)).toEqual(expect.arrayContaining(declared))
      for (const [path, body] of Object.entries(bodies)) {
        const made = await call('POST', path, key, body)
        expect([path, made.status]).toEqual([path, expect.toBeOneOf([200, 201, 202])])
        if (path === '/tasks') await finished(made.body.id, key)
      }
    }
    const of = async (tenant: string) => {
      const { rows, objects } = await scan()
      const name = new RegExp(`(?<![\\w-])${tenant}(?![\\w-])`)
      return {
        rows: rows.filter((row) => name.test(row) && !row.includes('"A#')),
        objects: objects.filter((object) => object.includes(`/${tenant}/`)),
      }
    }
    const before = await of(kept)
    expect(
      new Set((await of(gone)).rows.map((row) => /"pk":\{"S":"(\w)#/.exec(row)?.[1])).size,
    ).toBeGreaterThan(4)
    expect((await of(gone)).objects.length).toBeGreaterThan(0)
    // Another tenant's administrator may not do this; an operator of the stage may.
    expect((await call('POST', '/data/erase', keys[kept] ?? '', { tenant: gone })).status).toBe(403)
    for (let pass = 0; pass < 3; pass += 1) {
      let from: string | null = null
      do {
        const answer: { status: number; body: { next: string | null } } = await call(
          'POST',
          '/data/erase',
          operator,
          { tenant: gone, from },
        )
        expect(answer.status).toBe(200)
        from = answer.body.next
      } while (from)
    }
    expect(await of(gone)).toEqual({ rows: [], objects: [] })
    expect((await of(kept)).rows.length).toBeGreaterThanOrEqual(before.rows.length)
    expect((await of(kept)).objects).toEqual(before.objects)
    for (const from of ['bm90aGluZw', 'W10', 'WyJhIl0', Buffer.from('["a","b","c"]').toString('base64url')])
      expect((await call('POST', '/data/erase', operator, { tenant: gone, from })).status).toBe(422)
  })
})

describe('the audit log', () => {
  it('names key, action, target, outcome and the state before and after, and no content of the request', async () => {
    const { key, id: by } = await make('watched')
    const sent = { type: 'text.generate', input: { prompt: MARK }, delay_seconds: 600 }
    const { body: task } = await call('POST', '/tasks', key, sent)
    await call('POST', `/tasks/${task.id}/cancel`, key)
    await call('POST', `/tasks/${task.id}/retry`, key)
    await call('POST', '/tasks/unknown/cancel', key)
    const made = await call('POST', '/keys', key, { name: 'next', scopes: ['tasks:read'] })
    await call('DELETE', `/keys/${made.body.id}`, key)
    type Page = { entries: { action: string; target: string }[]; next_cursor: string | null }
    const { body } = await call<Page>('GET', '/audit', key)
    const entry = (action: string, target: string, more: object) =>
      expect.objectContaining({ action, target, by, ...more })
    expect(body.entries).toEqual([
      entry('DELETE /keys/{id}', made.body.id, { status: 204 }),
      entry('POST /keys', made.body.id, { status: 201 }),
      entry('POST /tasks/{id}/cancel', 'unknown', { status: 404 }),
      entry('POST /tasks/{id}/retry', task.id, { status: 200, before: 'CANCELLED', after: 'PENDING' }),
      entry('POST /tasks/{id}/cancel', task.id, { status: 200, before: 'SCHEDULED', after: 'CANCELLED' }),
    ])
    expect(JSON.stringify(body)).not.toContain(MARK)
    expect(JSON.stringify(body)).not.toContain(made.body.key.slice(-43))
    // Page by page, and by target.
    const first = await call<Page>('GET', '/audit?limit=2', key)
    const second = await call<Page>('GET', `/audit?limit=3&cursor=${first.body.next_cursor}`, key)
    expect([...first.body.entries, ...second.body.entries]).toEqual(body.entries)
    const ofTask = await call<Page>('GET', `/audit?target=${task.id}`, key)
    expect(ofTask.body.entries.map(({ action }) => action)).toHaveLength(2)
    // Entries of another tenant are not shown, also not with its cursor.
    const other = await make('watching')
    expect(
      (await call<Page>('GET', `/audit?cursor=${first.body.next_cursor}`, other.key)).body.entries,
    ).toEqual([])
    expect((await call('GET', '/audit?tenant=watched', other.key)).status).toBe(403)
    expect((await call<Page>('GET', '/audit?tenant=watched', operator)).body.entries).toHaveLength(5)
  })

  it('has an entry for every declared route that changes something, except those whose own rows record it', async () => {
    const { key } = await make('thorough', [
      'tasks:write',
      'tasks:read',
      'keys:admin',
      'ops:read',
      'ops:write',
    ])
    const own = ['/tasks', '/uploads', '/workflows', '/mcp', '/data/erase']
    const isOwn = ({ method, path }: Route) =>
      method === 'POST' && (own.includes(path) || /^\/tasks\/[\w-]+$/.test(path))
    const changing = (routesFile as readonly Route[]).filter(
      (route) => route.method !== 'GET' && route.scope !== 'open' && !isOwn(route),
    )
    for (const { method, path } of changing)
      await call(method, path.replace(/\{\w+\}/g, 'nothing'), key, method === 'DELETE' ? undefined : {})
    const { body } = await call<{ entries: { action: string }[] }>('GET', '/audit?limit=100', key)
    const seen = new Set(body.entries.map(({ action }) => action))
    expect(changing.map(({ method, path }) => `${method} ${path}`).filter((name) => !seen.has(name))).toEqual(
      [],
    )
  })
})

import { stat } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import routesFile from '../../functions/api/routes.gen.json' with { type: 'json' }
import type { Route, Scope } from '../../functions/contract.ts'
import { makeAdminKey } from '../../lib/deploy/admin-key.ts'
import { startTestRuntime } from '../fixtures/running.ts'
import { startTokenIssuer } from '../fixtures/token-issuer.ts'

const ROUTES = routesFile as readonly Route[]

/** Stage local with keys: the authorizer of the template runs. */
let running: Awaited<ReturnType<typeof startTestRuntime>>
let first: { readonly id: string; readonly key: string }
let issuer: Awaited<ReturnType<typeof startTokenIssuer>>
beforeAll(async () => {
  issuer = await startTokenIssuer()
  running = await startTestRuntime({
    AUTH: 'keys',
    TOKEN_ISSUERS: JSON.stringify([
      {
        name: 'sso',
        issuer: issuer.url,
        audiences: ['taskrunner'],
        algorithms: ['ES256'],
        tenantClaim: 'tenant',
      },
    ]),
  })
  const made = await makeAdminKey((event) => running.pool('Keys').invoke(event), Date.now())
  if (!made) throw new Error('no key')
  first = made
})
afterAll(async () => {
  await running.stop()
  await issuer.stop()
})

async function call<Body = Record<string, unknown>>(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: object,
) {
  const answer = await fetch(`${running.url}/api/v1${path}`, {
    method,
    headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await answer.text()
  return {
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    body: (/^[[{]/.test(text) ? JSON.parse(text) : undefined) as Body,
  }
}

const make = async (scopes: readonly Scope[], tenant?: string) => {
  const headers = { 'x-api-key': first.key }
  const { status, body } = await call<{ id: string; key: string }>('POST', '/keys', headers, {
    name: 'test',
    scopes,
    ...(tenant ? { tenant } : {}),
  })
  expect(status).toBe(201)
  return body
}

describe('a closed stage', () => {
  it('makes one administrator’s key, and another only on request', async () => {
    const invoke = (event: object) => running.pool('Keys').invoke(event)
    expect(await makeAdminKey(invoke, Date.now())).toBeUndefined()
    expect((await makeAdminKey(invoke, Date.now(), true))?.key).toMatch(/^tk_/)
    expect((await stat(join(running.stateDir, 'key-pepper'))).mode & 0o077).toBe(0)
  })

  it('has a table on the dashboard that asks for the tenant and shows whose tasks they are', async () => {
    const { key } = await make(['tasks:write', 'tasks:read'], 'team-ops')
    const headers = { 'x-api-key': key }
    const body = { type: 'example.add', input: { x: 1, y: 2 }, delay_seconds: 600 }
    const { body: task } = await call<{ id: string }>('POST', '/tasks', headers, body)
    const view = async (fields: object) =>
      String(await running.pool('OpsView').invoke({ view: 'search', ...fields }))
    expect(await view({})).toContain('name="tenant"')
    const found = await view({ widgetContext: { forms: { all: { tenant: 'team-ops', task_id: task.id } } } })
    expect(found).toMatch(/>Tenant<\/th><td[^>]*>team-ops<\/td>/)
  })

  it('requires a key on every route that is not open, and gives the same answer to every wrong key', async () => {
    for (const { method, path, scope } of ROUTES.filter(({ method }) => method === 'GET')) {
      const { status } = await call(method, path.replace(/\{\w+\}/g, 'x').replace('/docs/x', '/docs'))
      if (scope !== 'open') expect([path, status]).toEqual([path, 401])
      else expect([path, status]).not.toEqual([path, 401])
    }
    const wrong = [
      {},
      { 'x-api-key': 'tk_x_y' },
      { 'x-api-key': `${first.key.slice(0, -4)}AAAA` },
      { authorization: `Basic ${first.key}` },
      { authorization: `Bearer ${first.key}`, 'x-api-key': `tk_${'0'.repeat(26)}_${'A'.repeat(43)}` },
    ]
    const answers = await Promise.all(wrong.map((headers) => call('GET', '/tasks', headers)))
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized', status: 401 } })
    expect((await call('POST', '/nowhere', {})).status).toBe(401)
  })

  it('accepts a key only in its two headers, spelled exactly, once', async () => {
    const { key: other } = await make(['tasks:read'], 'another')
    const [, id = '', secret = ''] = /^tk_(\w{26})_(.*)$/.exec(first.key) ?? []
    const [, otherId = '', otherSecret = ''] = /^tk_(\w{26})_(.*)$/.exec(other) ?? []
    const keys = [
      // Parts of two valid keys, and parts of one in another order.
      `tk_${id}_${otherSecret}`,
      `tk_${otherId}_${secret}`,
      `tk_${id}_${secret}_${otherSecret}`,
      `tk_${id}${otherId}_${secret}`,
      `tk__${secret}`,
      `tk_${id}_`,
      `tk_${id}`,
      `tk_${id}_${secret.slice(0, 42)}`,
      `tk_${id}_${secret}=`,
      `tk_${id}_${secret.replaceAll('-', '+').replaceAll('_', '/')}=`,
      `TK_${id}_${secret}`,
      `tk_${id.toUpperCase()}_${secret}`,
      `tk_${id}_${secret.toLowerCase()}`,
      `sk_${id}_${secret}`,
      `tk-${id}-${secret}`,
      `${id}_${secret}`,
      `"${first.key}"`,
      `${first.key},${other}`,
      `${first.key}, ${first.key}x`,
      `Bearer ${first.key}`,
      `tk_K#${id.slice(2)}_${secret}`,
      'undefined',
      '[object Object]',
    ]
    for (const key of keys)
      for (const headers of [{ 'x-api-key': key }, { authorization: `Bearer ${key}` }]) {
        const { status } = await call('GET', '/tasks', headers)
        expect([headers, status]).toEqual([headers, 401])
      }
    const elsewhere: readonly (readonly [string, Record<string, string>])[] = [
      [`/tasks?x-api-key=${first.key}`, {}],
      [`/tasks?api_key=${first.key}&token=${first.key}`, {}],
      ['/tasks', { cookie: `x-api-key=${first.key}` }],
      ['/tasks', { 'x-auth-token': first.key }],
      ['/tasks', { 'x-amzn-authorizer-tenant': 'default', tenant: 'default', 'x-tenant': 'default' }],
      ['/tasks', { authorization: first.key }],
      ['/tasks', { authorization: `Token ${first.key}` }],
      ['/tasks', { authorization: `Basic ${Buffer.from(`${first.key}:`).toString('base64')}` }],
    ]
    for (const [path, headers] of elsewhere) {
      const { status } = await call('GET', path, headers)
      expect([path, headers, status]).toEqual([path, headers, 401])
    }
    // A header sent twice contains two keys: a proxy in front may have checked the other one.
    const { port } = new URL(running.url)
    const twice = await new Promise<number | undefined>((resolve, reject) => {
      request(
        {
          port,
          host: '127.0.0.1',
          path: '/api/v1/tasks',
          headers: ['host', `127.0.0.1:${port}`, 'x-api-key', other, 'x-api-key', first.key],
        },
        (answer) => resolve(answer.resume().statusCode),
      )
        .on('error', reject)
        .end()
    })
    expect(twice).toBe(401)
  })

  it('never uses the answer for one key for another key on the same connection', async () => {
    const [reader, writer] = [await make(['tasks:read'], 'one'), await make(['tasks:write'], 'two')]
    const task = { type: 'example.add', input: { x: 1, y: 2 } }
    // In turn, many times, each with the other's answer in all caches.
    for (let turn = 0; turn < 5; turn += 1) {
      const [read, write] = [{ 'x-api-key': reader.key }, { authorization: `Bearer ${writer.key}` }]
      const all = await Promise.all([
        call('GET', '/tasks', read),
        call('POST', '/tasks', read, task),
        call('GET', '/tasks', write),
        call('POST', '/tasks', write, task),
        call('GET', '/keys', read),
        call('POST', '/queues/demo/pause', write),
        // A valid key in one header does not make an invalid one in the other acceptable.
        call('GET', '/tasks', { ...read, ...write }),
      ])
      expect(all.map(({ status }) => status)).toEqual([200, 403, 403, 202, 403, 403, 401])
    }
  })

  it('accepts the key in either header, and limits it to its scopes on each route', async () => {
    const { key } = await make(['tasks:read'])
    for (const headers of [{ 'x-api-key': key }, { authorization: `Bearer ${key}` }]) {
      expect((await call('GET', '/tasks', headers)).status).toBe(200)
      expect(
        await call('POST', '/tasks', headers, { type: 'example.add', input: { x: 1, y: 2 } }),
      ).toMatchObject({
        status: 403,
        body: { code: 'forbidden', detail: expect.stringContaining('"tasks:write"') },
      })
      expect((await call('POST', '/queues/demo/pause', headers)).status).toBe(403)
      expect((await call('GET', '/keys', headers)).status).toBe(403)
      expect((await call('GET', '/tasks', headers)).status).toBe(200)
    }
  })

  it('accepts a token of its issuer for the claims’ tenant and scopes, and no other token', async () => {
    const task = { type: 'example.add', input: { x: 1, y: 2 } }
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
    const mine = bearer(await issuer.sign({ tenant: 'token-a' }))
    const made = await call<{ id: string }>('POST', '/tasks', mine, task)
    expect(made.status).toBe(202)
    // A key of the same tenant and another token of it reach the task; another tenant's do not.
    const again = bearer(await issuer.sign({ tenant: 'token-a', sub: 'else', scope: 'tasks:read' }))
    for (const headers of [again, { 'x-api-key': (await make(['tasks:read'], 'token-a')).key }])
      expect((await call('GET', `/tasks/${made.body.id}`, headers)).status).toBe(200)
    expect((await call('POST', '/tasks', again, task)).status).toBe(403)
    const foreign = bearer(await issuer.sign({ tenant: 'token-b' }))
    expect((await call('GET', `/tasks/${made.body.id}`, foreign)).status).toBe(404)
    const greedy = bearer(await issuer.sign({ tenant: 'token-b', scope: 'keys:admin ops:write' }))
    expect((await call('GET', '/keys', greedy)).status).toBe(403)
    const wrong = [
      await issuer.sign({ tenant: 'default' }),
      await issuer.sign({ exp: 1_000_000_000 }),
      await issuer.sign({ aud: 'another' }),
      (await issuer.sign()).replace(/[^.]*$/, ''),
      await issuer.sign({}, { ...(await issuer.newKey('other')), kid: 'one' }),
    ]
    for (const token of wrong) expect((await call('GET', '/tasks', bearer(token))).status).toBe(401)
  })

  it('separates tenants on every declared route: another tenant’s id is answered like an unknown id', async () => {
    const rights = ['tasks:read', 'tasks:write', 'keys:admin'] as const
    const [one, other] = [await make(rights, 'a'), await make(rights, 'b')]
    const mine = { 'x-api-key': one.key }
    const theirs = { 'x-api-key': other.key }
    const task = { type: 'example.add', input: { x: 1, y: 2 } }
    const owned: Readonly<Record<string, string>> = Object.fromEntries(
      await Promise.all(
        Object.entries({
          '/tasks': task,
          '/workflows': { chain: [task] },
          '/schedules': { task, rate_seconds: 86_400 },
          '/uploads': { content_type: 'text/plain', bytes: 3 },
          '/webhooks': { url: 'https://example.com/hook' },
          '/keys': { name: 'mine', scopes: ['tasks:read'] },
        }).map(async ([path, body]) => {
          const made = await call<{ id: string }>('POST', path, mine, body)
          expect([path, made.status, made.body.id]).toEqual([path, expect.any(Number), expect.any(String)])
          return [path, made.body.id] as const
        }),
      ),
    )
    const bodies: Readonly<Record<string, object>> = { updateSchedule: { name: 'theirs' } }
    const closed = ROUTES.filter(({ path, scope }) => path.includes('{id}') && !scope.startsWith('ops:'))
    expect(closed.length).toBeGreaterThan(20)
    for (const { name, method, path } of closed) {
      // A route of a new kind of resource fails here until the test has such a resource.
      const id = owned[`/${path.split('/')[1]}`]
      expect([path, id]).toEqual([path, expect.any(String)])
      const at = (given: string) => path.replace('{id}', given).replace('{name}', 'go')
      const foreign = await call(method, at(id ?? ''), theirs, bodies[name])
      const unknown = await call(method, at('0'.repeat(26)), theirs, bodies[name])
      expect([name, foreign.status, unknown.status]).toEqual([name, 404, 404])
      // Every header is compared too, except the date and the request's id; the length is that of the same text.
      const shape = ({ body, headers }: typeof foreign, given: string) => {
        const { date: _date, 'x-request-id': _id, ...told } = headers
        return JSON.stringify([body, told]).replaceAll(given, '<id>')
      }
      expect([name, shape(foreign, id ?? '')]).toEqual([name, shape(unknown, '0'.repeat(26))])
    }
    for (const { method, path, scope } of ROUTES) {
      if (method !== 'GET' || path.includes('{') || scope.startsWith('ops:') || scope === 'open') continue
      const { body } = await call<{ entries?: readonly { readonly status: number | null }[] }>(
        method,
        path,
        theirs,
      )
      // Their own audit log contains what they tried above, with the ids they named and the 404 they got.
      const entries = body.entries?.filter(({ status }) => status !== 404)
      const listed = JSON.stringify(entries ? { ...body, entries } : body)
      for (const id of Object.values(owned))
        expect([path, listed?.includes(id) ?? false]).toEqual([path, false])
    }
    // Its own resources still exist and are unchanged.
    expect((await call('GET', `/schedules/${owned['/schedules']}`, mine)).status).toBe(200)
    expect((await call('GET', `/tasks/${owned['/tasks']}`, mine)).status).toBe(200)
  })

  it('limits agents to the same scopes', async () => {
    const { key } = await make(['tasks:read'])
    const headers = { 'x-api-key': key, accept: 'application/json, text/event-stream' }
    const tool = { name: 'example.add', arguments: { x: 1, y: 2 } }
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: tool }
    const { body } = await call<{ result: object }>('POST', '/mcp', headers, message)
    expect(body.result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('tasks:write') }],
    })
  })

  it('rotates and revokes keys; the tenant’s tasks stay visible with its next key', async () => {
    const admin = { 'x-api-key': first.key }
    const old = await make(['tasks:read', 'tasks:write'], 'c')
    const task = { type: 'example.add', input: { x: 1, y: 2 } }
    const { body } = await call<{ id: string }>('POST', '/tasks', { 'x-api-key': old.key }, task)
    const next = await call<{ key: string }>('POST', `/keys/${old.id}/rotate`, admin, {
      overlap_seconds: 3_600,
    })
    expect(next.status).toBe(201)
    expect((await call('GET', `/tasks/${body.id}`, { 'x-api-key': next.body.key })).status).toBe(200)
    expect((await call('DELETE', `/keys/${old.id}`, admin)).status).toBe(204)
    const listed = await call<{ keys: { id: string; revoked_at: string | null }[] }>(
      'GET',
      '/keys?tenant=c',
      admin,
    )
    expect(listed.body.keys.find(({ id }) => id === old.id)?.revoked_at).toEqual(expect.any(String))
    expect(JSON.stringify(listed.body)).not.toContain(next.body.key.slice(-43))
    expect((await call('DELETE', '/keys/nobody', admin)).status).toBe(404)
  })
})

describe('a tenant with many waiting tasks', () => {
  it('delays another tenant’s single task by at most one batch', async () => {
    const tenants = await Promise.all(
      ['noisy', 'quiet'].map((tenant) => make(['tasks:write', 'tasks:read'], tenant)),
    )
    const [noisy = {}, quiet = {}] = tenants.map(({ key }) => ({ 'x-api-key': key }))
    interface Timed {
      readonly id: string
      readonly status: string
      readonly created_at: string
      readonly started_at: string | null
    }
    // 20 slots in this lane: 12 s of work for it, or more.
    const run = { type: 'example.run', input: { name: 'long', seconds: 1 } }
    const { body: flood } = await call<{ id: string }>('POST', '/workflows', noisy, {
      tags: ['flood'],
      group: Array.from({ length: 240 }, () => run),
    })
    const ended = async () =>
      (
        await call<{ steps: { group: { tasks: { completed: number } } } }>(
          'GET',
          `/workflows/${flood.id}`,
          noisy,
        )
      ).body.steps.group.tasks.completed
    await expect.poll(ended, { timeout: 60_000 }).toBeGreaterThan(10)
    const { body: single } = await call<Timed>('POST', '/tasks', quiet, {
      type: 'example.add',
      input: { x: 1, y: 2 },
    })
    const look = async () => (await call<Timed>('GET', `/tasks/${single.id}`, quiet)).body
    await expect.poll(async () => (await look()).status, { timeout: 60_000 }).toBe('COMPLETED')
    const done = await look()
    const all: Timed[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { body: { tasks: Timed[]; next_cursor: string | null } } = await call(
        'GET',
        `/tasks?tag=flood&limit=100${cursor ? `&cursor=${cursor}` : ''}`,
        noisy,
      )
      all.push(...page.body.tasks)
      cursor = page.body.next_cursor
    }
    const before = all.filter(
      ({ started_at }) =>
        started_at !== null && started_at > done.created_at && started_at < (done.started_at ?? ''),
    )
    const waiting = all.filter(({ status }) => status === 'PENDING')
    console.info(
      `${before.length} of the flood began before it; ${waiting.length} of it still waited after it`,
    )
    expect(waiting.length).toBeGreaterThan(40)
    // A batch of ten for each of the lane's two workers.
    expect(before.length).toBeLessThanOrEqual(20)
    await call('POST', `/workflows/${flood.id}/cancel`, noisy)
  })
})

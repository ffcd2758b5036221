import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SCOPES } from '../../functions/contract.ts'
import { makeAdminKey } from '../../lib/deploy/admin-key.ts'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

interface Operation {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly queries: readonly string[]
  readonly bodyFields: readonly string[]
}
interface Described {
  readonly operationId: string
  readonly parameters?: readonly { readonly in: string; readonly name: string }[]
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema?: { readonly properties?: object } }>>
  }
}

/**
 * From the OpenAPI document that is generated from the declarations, so a new route, list, filter or field is covered without a
 * change here.
 */
const document = JSON.parse(
  readFileSync(new URL('../../functions/api/openapi.gen.json', import.meta.url), 'utf8'),
) as { readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>> }
const OPERATIONS: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { operationId, parameters = [], requestBody }]) => ({
    name: operationId,
    method: method.toUpperCase(),
    path: path.replace(/^\/api\/v1/, ''),
    queries: parameters.flatMap((parameter) => (parameter.in === 'query' ? [parameter.name] : [])),
    bodyFields: Object.values(requestBody?.content ?? {}).flatMap(({ schema }) =>
      Object.keys(schema?.properties ?? {}),
    ),
  })),
)
const isList = ({ method, path }: Operation): boolean => method === 'GET' && !path.includes('{')

/** Two tenants with every right, and an operator of the stage. */
let running: Awaited<ReturnType<typeof startTestRuntime>>
let mine: Client
let theirs: Client
const owned = new Map<string, string>()
const task = { type: 'example.add', input: { x: 1, y: 2 }, tags: ['mine'] }
beforeAll(async () => {
  running = await startTestRuntime({ AUTH: 'keys' })
  const first = await makeAdminKey((event) => running.pool('Keys').invoke(event), Date.now())
  const admin = new Client(running.url, first?.key)
  const clientOf = async (tenant: string) => {
    const { body } = await admin.post<{ key: string }>('/keys', { name: 'all', tenant, scopes: SCOPES })
    return new Client(running.url, body.key)
  }
  mine = await clientOf('a')
  theirs = await clientOf('b')
  // Two of each, so that a page of one has a next page.
  const bodies: Readonly<Record<string, object>> = {
    '/tasks': task,
    '/workflows': { chain: [task], tags: ['mine'] },
    '/schedules': { task, rate_seconds: 86_400 },
    '/uploads': { content_type: 'text/plain', bytes: 3 },
    '/webhooks': { url: 'http://127.0.0.1:9/hook' },
    '/keys': { name: 'mine', scopes: ['tasks:read'] },
  }
  for (const [path, body] of Object.entries(bodies))
    for (const turn of ['first', 'second']) {
      const made = await mine.post<{ id: string }>(path, body)
      expect([path, turn, made.body.id]).toEqual([path, turn, expect.any(String)])
      owned.set(`${path} ${turn}`, made.body.id)
    }
})
afterAll(() => running.stop())

const expectNothing = (place: string, text: string): void => {
  for (const [what, id] of owned) expect([place, what, text.includes(id)]).toEqual([place, what, false])
}
const textOf = async (client: Client, path: string) => {
  const { status, body } = await client.get(path)
  return { status, text: JSON.stringify(body ?? '') }
}

describe('a tenant with every right', () => {
  it('sees nothing of another tenant in any list, with any filter', async () => {
    const lists = OPERATIONS.filter(isList)
    expect(lists.length).toBeGreaterThan(10)
    const [id = ''] = owned.values()
    for (const { path, queries } of lists)
      for (const query of [
        '',
        ...queries
          .filter((name) => name !== 'wait')
          .flatMap((name) => [`?${name}=${id}`, `?${name}=mine`, `?${name}=a`]),
      ]) {
        const { status, text } = await textOf(theirs, `${path}${query}`)
        // A refusal may quote the refused value.
        if (status === 200) expectNothing(`${path}${query}`, text)
        expect([path, query, status]).not.toEqual([path, query, 500])
      }
  })

  it('cannot reach another tenant’s page with any cursor', async () => {
    const paged = OPERATIONS.filter((operation) => isList(operation) && operation.queries.includes('cursor'))
    expect(paged.length).toBeGreaterThan(3)
    const cursors: string[] = []
    for (const { path } of paged) {
      const { body } = await mine.get<{ next_cursor?: string | null }>(`${path}?limit=1`)
      if (body.next_cursor) cursors.push(body.next_cursor)
    }
    expect(cursors.length).toBeGreaterThan(2)
    // Each cursor with its own list, and with every other list.
    for (const { path } of paged)
      for (const cursor of cursors) {
        const { status, text } = await textOf(theirs, `${path}?cursor=${encodeURIComponent(cursor)}`)
        expectNothing(path, text)
        expect([path, status < 500]).toEqual([path, true])
      }
  })

  it('cannot name another tenant in a query or a body', async () => {
    const asking = OPERATIONS.filter(
      ({ queries, bodyFields }) => queries.includes('tenant') || bodyFields.includes('tenant'),
    )
    expect(asking.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['listAudit', 'getLimits', 'createKey']),
    )
    for (const { name, method, path, queries } of asking) {
      const inQuery = queries.includes('tenant')
      const body = { ...BODIES[name], ...(inQuery ? {} : { tenant: 'a' }) }
      const answer = await theirs.call(
        method,
        `${path}${inQuery ? '?tenant=a' : ''}`,
        method === 'GET' ? undefined : body,
      )
      expect([name, answer.status]).toEqual([name, 403])
      expectNothing(name, JSON.stringify(answer.body))
    }
  })

  it('cannot read another tenant’s data with any agent tool', async () => {
    const rpc = async (method: string, params: object) =>
      (
        await theirs.post<{ result: { tools: readonly Tool[]; isError?: boolean } }>(
          '/mcp',
          { jsonrpc: '2.0', id: 1, method, params },
          { accept: 'application/json, text/event-stream' },
        )
      ).body.result
    interface Tool {
      readonly name: string
      readonly inputSchema: { readonly properties?: Readonly<Record<string, object>> }
    }
    const { tools } = await rpc('tools/list', {})
    const byId = tools.filter(({ inputSchema }) => inputSchema.properties?.id)
    expect(byId.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['get_task', 'cancel_task', 'retry_task']),
    )
    const foreign = owned.get('/tasks first') ?? ''
    const unknown = '0'.repeat(26)
    for (const { name } of byId) {
      const ask = async (id: string) =>
        JSON.stringify(await rpc('tools/call', { name, arguments: { id } })).replaceAll(id, '<id>')
      const answer = await ask(foreign)
      expect([name, answer]).toEqual([name, await ask(unknown)])
      expect([name, answer]).toEqual([name, expect.stringContaining('"isError":true')])
    }
    for (const { name } of tools
      .filter((tool) => !byId.includes(tool))
      .filter(({ name: tool }) => /list/.test(tool)))
      expectNothing(name, JSON.stringify(await rpc('tools/call', { name, arguments: {} })))
  })

  it('cannot use an upload, a step or an idempotency key of another tenant', async () => {
    const refused = async (upload: string) => {
      const { status, body } = await theirs.post('/tasks', {
        type: 'document.process',
        input: { document: { upload } },
      })
      return [status, JSON.stringify(body).replaceAll(upload, '<id>')]
    }
    expect(await refused(owned.get('/uploads first') ?? '')).toEqual(await refused('0'.repeat(26)))
    const referring = async (id: string) => {
      const { status, body } = await theirs.post('/workflows', {
        steps: { one: { ...task, input: { x: { $from: `${id}.result` }, y: 1 } } },
      })
      return [status, JSON.stringify(body).replaceAll(id, '<id>')]
    }
    const own = await referring(owned.get('/tasks first') ?? '')
    expect(own[0]).toBe(422)
    expect(own).toEqual(await referring('0'.repeat(26)))
    const key = { 'idempotency-key': 'the-same' }
    const [first, second] = [
      await mine.post<{ id: string }>('/tasks', task, key),
      await theirs.post<{ id: string }>('/tasks', { ...task, priority: 1 }, key),
    ]
    expect([first.status, second.status]).toEqual([202, 202])
    expect(second.body.id).not.toBe(first.body.id)
  })

  it('gets no event of another tenant’s task, from any position', async () => {
    const foreign = owned.get('/tasks first') ?? ''
    const listen = async (id: string, query: string, last?: string) => {
      const answer = await fetch(`${theirs.base}/tasks/${id}/events${query}`, {
        headers: { ...theirs.headers, ...(last === undefined ? {} : { 'last-event-id': last }) },
      })
      return [answer.status, answer.headers.get('content-type'), (await answer.text()).replaceAll(id, '<id>')]
    }
    for (const [query, last] of [
      ['', undefined],
      ['', '1.0.0'],
      ['', '1.1.99'],
      ['', foreign],
      ['?starting_after=1.0.0', undefined],
      ['?wait=5', undefined],
    ] as const) {
      const answer = await listen(foreign, query, last)
      expect(answer).toEqual(await listen('0'.repeat(26), query, last))
      expect(Number(answer[0])).toBeGreaterThanOrEqual(400)
    }
  })

  it('cannot resend or see another tenant’s deliveries, and has a signing secret of its own', async () => {
    interface Page {
      readonly deliveries: readonly { readonly id: string; readonly task_id: string }[]
    }
    const { id } = await mine.submit({ ...task, webhook: { url: 'http://127.0.0.1:9/hook' } })
    const deliveries = async () =>
      (await mine.get<Page>(`/webhooks/deliveries?task_id=${id}`)).body.deliveries
    await expect.poll(async () => (await deliveries()).length, { timeout: 30_000 }).toBeGreaterThan(0)
    const [delivery = { id: '' }] = await deliveries()
    const resend = async (given: string) => {
      const { status, body } = await theirs.post(`/webhooks/deliveries/${given}/resend`)
      return [status, JSON.stringify(body).replaceAll(given, '<id>')]
    }
    expect(await resend(delivery.id)).toEqual(await resend('0'.repeat(26)))
    for (const filter of [{ task_id: id }, { endpoint: owned.get('/webhooks first') }, {}]) {
      const { body } = await theirs.post<{ resent: number }>('/webhooks/deliveries/resend', filter)
      expect([filter, body]).toEqual([filter, { resent: 0 }])
    }
    const secretOf = async (client: Client) =>
      (await client.get<{ secret: string }>('/webhooks/secret')).body.secret
    expect(await secretOf(theirs)).not.toBe(await secretOf(mine))
  })

  it('cannot put another tenant’s upload into a schedule, a step or a scheduled task', async () => {
    const using = (upload: string) => ({ type: 'document.process', input: { document: { upload } } })
    const foreign = owned.get('/uploads first') ?? ''
    for (const [path, body] of [
      ['/schedules', (upload: string) => ({ rate_seconds: 86_400, task: using(upload) })],
      ['/workflows', (upload: string) => ({ chain: [using(upload)] })],
      ['/workflows', (upload: string) => ({ chord: { group: [using(upload)], then: task } })],
      ['/workflows', (upload: string) => ({ steps: { one: { ...using(upload), after: [] } } })],
      ['/tasks/process-document', (upload: string) => ({ document: { upload } })],
    ] as const) {
      const ask = async (upload: string) => {
        const answer = await theirs.post<{ id?: string }>(path, body(upload))
        return { status: answer.status, text: JSON.stringify(answer.body).replaceAll(upload, '<id>') }
      }
      const answer = await ask(foreign)
      const unknown = await ask('0'.repeat(26))
      expect([path, answer.status]).toEqual([path, unknown.status])
      expect([path, answer.status < 500]).toEqual([path, true])
      if (answer.status >= 400) expect([path, answer.text]).toEqual([path, unknown.text])
    }
  })

  it('shares no model answer, concurrency key or tag count with another tenant', async () => {
    const asked = {
      type: 'text.generate',
      model: 'simulated',
      input: { prompt: 'The same words', reuse_answer_seconds: 3_600 },
      concurrency_key: 'the-same',
      tags: ['mine'],
    }
    const paid = await mine.done((await mine.submit(asked)).id)
    const again = await mine.done((await mine.submit(asked)).id)
    expect(again.usage?.shared_with).toBe(paid.id)
    const own = await theirs.done((await theirs.submit(asked)).id)
    expect(own).toMatchObject({ status: 'COMPLETED', usage: { shared_with: null } })
    // A task that waits for the key of one that has not begun; another tenant’s task does not wait.
    await mine.submit({ ...asked, delay_seconds: 600 })
    expect((await theirs.done((await theirs.submit({ ...asked, input: { prompt: 'Now' } })).id)).status).toBe(
      'COMPLETED',
    )
    const { text } = await textOf(theirs, '/usage?tag=mine')
    expectNothing('/usage', text)
  })

  it('cannot read, end or change another tenant’s tasks through the agents’ protocol', async () => {
    const foreign = owned.get('/tasks first') ?? ''
    const ask = async (method: string, taskId: string) => {
      const name = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': taskId }
      const { status, body } = await theirs.post(
        '/mcp',
        {
          jsonrpc: '2.0',
          id: 1,
          method,
          params: {
            taskId,
            ...(method === 'tasks/update' ? { inputResponses: {} } : {}),
            _meta: {
              'io.modelcontextprotocol/protocolVersion': '2026-07-28',
              'io.modelcontextprotocol/clientInfo': { name: 'x', version: '1' },
              'io.modelcontextprotocol/clientCapabilities': {
                extensions: { 'io.modelcontextprotocol/tasks': {} },
              },
            },
          },
        },
        name,
      )
      return [status, JSON.stringify(body).replaceAll(taskId, '<id>')]
    }
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update']) {
      const answer = await ask(method, foreign)
      expect([method, answer]).toEqual([method, await ask(method, '0'.repeat(26))])
      expect([method, answer[1]]).toEqual([method, expect.stringContaining('-32602')])
    }
    expect((await mine.get(`/tasks/${foreign}`)).body.status).not.toBe('CANCELLED')
  })

  it('cannot restart another tenant’s failed task, although it may redrive the lane', async () => {
    const { body } = await mine.post<{ id: string }>('/tasks', { prompt: 'x', model: 'simulated-refuse' })
    expect((await mine.done(body.id)).status).toBe('FAILED')
    await theirs.post('/queues/ai/redrive', { dry_run: false })
    expect((await mine.get(`/tasks/${body.id}`)).body).toMatchObject({ status: 'FAILED', epoch: 1 })
  })
})

/** What a route requires in addition to the tenant's name. */
const BODIES: Readonly<Record<string, object>> = {
  createKey: { name: 'x', scopes: ['tasks:read'] },
  setLimits: {},
  eraseTenant: {},
}

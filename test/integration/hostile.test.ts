import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import document from '../../functions/api/openapi.gen.json' with { type: 'json' }
import { API_BASE } from '../../functions/contract.ts'
import { ROUTES } from '../../lib/constructs/task-api.ts'
import { Client, type TaskView } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
let known: TaskView
beforeAll(async () => {
  running = await startTestRuntime()
  client = new Client(running.url)
  known = await client.submit({ type: 'example.add', input: { x: 1, y: 1 } })
})
afterAll(() => running.stop())

interface Problem {
  readonly status: number
  readonly title: string
  readonly code: string
  readonly type: string
  readonly detail: string
  readonly instance: string
}

const send = async (
  method: string,
  path: string,
  body?: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
) => {
  const response = await fetch(`${running.url}${path}`, {
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined || method === 'GET' || method === 'HEAD' ? {} : { body }),
  })
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    text: await response.text(),
  }
}

/** A 4xx is a problem document with the same status as the response; a 5xx never happens. */
function expectFair({ status, type, text }: Awaited<ReturnType<typeof send>>): void {
  expect(status, text).toBeLessThan(500)
  if (status < 400) return
  expect(text).not.toMatch(/node_modules|\bat \w+ \(|TypeError|\.mjs/)
  const problem = JSON.parse(text) as Problem
  // Agents use JSON-RPC, which has an error format of its own.
  if ('jsonrpc' in problem) {
    const error = { code: expect.any(Number), message: expect.any(String) }
    expect(problem).toMatchObject({ jsonrpc: '2.0', error })
    return
  }
  expect(type).toContain('application/problem+json')
  expect(problem).toMatchObject({ status, code: expect.any(String), title: expect.any(String) })
}

const paths = () =>
  ROUTES.map(({ method, path }) => ({ method, path: `${API_BASE}${path.replace('{id}', known.id)}` }))
const json = { 'content-type': 'application/json' }
const DOCUMENTED = Object.entries(
  document.paths as Record<string, Record<string, { requestBody?: unknown }>>,
).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { requestBody }]) => ({
    method: method.toUpperCase(),
    path,
    requestBody,
  })),
)

describe('for any request, the answer is a correct status, never a 5xx', () => {
  it('random bytes as a body, on every route', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths()),
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(
          'application/json',
          'text/plain',
          'application/octet-stream',
          'application/json; charset=x',
        ),
        async ({ method, path }, bytes, type) => {
          const target = path.replace('{file}', 'swagger-ui.css')
          expectFair(await send(method, target, new Uint8Array(bytes), { 'content-type': type }))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('any JSON as a body, on every route that takes one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths().filter(({ method }) => method === 'POST')),
        fc.jsonValue(),
        async (route, value) => {
          expectFair(await send(route.method, route.path, JSON.stringify(value), json))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('JSON of a thousand levels is refused on every route that takes a body, and by the agents’ route', async () => {
    const deep = `{"type":"x","a":${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}}`
    const rpc = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":${deep}}}`
    const wide = `{"a":${'['.repeat(65)}${']'.repeat(65)}}`
    const taking = DOCUMENTED.filter(({ requestBody }) => requestBody)
    expect(taking.length).toBeGreaterThan(15)
    for (const { method, path } of taking)
      for (const body of [deep, rpc, wide]) {
        const at = `${API_BASE}${path.replace('{lane}', 'demo').replace(/\{\w+\}/g, known.id)}`
        const answer = await send(method, at, body, json)
        expectFair(answer)
        expect([method, path, answer.status]).toEqual([method, path, 400])
        expect(answer.text).toContain('deep')
      }
  })

  it('more than 100 headers, or more than 10 kB of them, are 431 on every kind of route', async () => {
    const many = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`x-${index}`, 'v']))
    for (const path of ['/tasks', '/health', '/nowhere', '/docs', '/tasks/x/events'])
      for (const headers of [many, { 'x-long': 'v'.repeat(10_500) }]) {
        const answer = await send('GET', `${API_BASE}${path}`, undefined, headers)
        expectFair(answer)
        expect([path, answer.status]).toEqual([path, 431])
      }
    // More than Node itself accepts.
    const { status } = await fetch(`${running.url}${API_BASE}/tasks`, {
      headers: { 'x-long': 'v'.repeat(40_000) },
    })
    expect(status).toBe(431)
  })

  it('the fields of a task with any value in them', async () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.string(),
      fc.double(),
      fc.integer(),
      fc.constant('__proto__'),
    )
    const names = [
      'prompt',
      'type',
      'input',
      'model',
      'priority',
      'tags',
      'delay_seconds',
      'run_at',
      'max_attempts',
    ]
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), anything), async (body) => {
        expectFair(await send('POST', `${API_BASE}/tasks`, JSON.stringify(body), json))
      }),
      { numRuns: 200 },
    )
  })

  it('any path, query, id, cursor and filter', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }).map(encodeURIComponentSafe),
      fc.constant('%zz'),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'DELETE', 'PATCH', 'HEAD'),
        text,
        text,
        async (method, one, two) => {
          const a = encodeURIComponentSafe(one)
          const b = encodeURIComponentSafe(two)
          for (const path of [
            `${API_BASE}/tasks/${a}`,
            `${API_BASE}/tasks?status=${a}&cursor=${b}&limit=${b}`,
            `${API_BASE}/tasks?created_after=${a}&tag=${b}`,
            `${API_BASE}/tasks/example?name=${a}&seconds=${b}`,
            `${API_BASE}/docs/${a}`,
            `/${a}/${b}`,
          ]) {
            const answer = await send(method, path, undefined, json)
            if (method === 'HEAD') expect(answer.status).toBeLessThan(500)
            else expectFair(answer)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it.each([
    ['{"prompt":"x","prompt":"y"}', 202],
    ['{"prompt":"\\ud800"}', 422],
    [`{"prompt":"${'\\u0000'.repeat(1000)}"}`, 202],
    ['{"__proto__":{"prompt":"x"}}', 422],
    ['{"constructor":{"prototype":{"x":1}},"prompt":"x"}', 422],
    [`${'['.repeat(100_000)}`, 400],
    [`{"type":"example.add","input":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`, 400],
    ['{"type":"example.add","input":{"x":1e400,"y":1}}', 422],
    ['{"prompt":"x","priority":11}', 422],
    ['{"prompt":"x","model":"nobody-knows"}', 422],
    ['{"prompt":"x","run_at":"2999-01-01T00:00:00Z"}', 422],
    // A byte order mark is ignored.
    ['\ufeff{"prompt":"x"}', 202],
    ['', 400],
    ['null', 422],
    ['"prompt"', 422],
  ])('a hostile body (%#)', async (body, status) => {
    const answer = await send('POST', `${API_BASE}/tasks`, body, json)
    expectFair(answer)
    expect(answer.status, answer.text).toBe(status)
  })

  it.each([
    ['a body of 6.1 MB', 'POST', '/tasks', 'x'.repeat(6_100_000), 413],
    ['a body of 11 MB', 'POST', '/tasks', 'x'.repeat(11 * 1024 * 1024), 413],
    ['an unknown route', 'GET', '/nothing', undefined, 404],
    ['an unknown task', 'GET', '/tasks/01m86jy46debemzsagpzpjb0cz', undefined, 404],
    ['a method that the route does not have', 'DELETE', '/tasks', undefined, 405],
  ] as const)('%s', async (_, method, path, body, status) => {
    const answer = await send(method, `${API_BASE}${path}`, body, json)
    expectFair(answer)
    expect(answer.status).toBe(status)
  })

  it('a wrong content type is 415, a wrong method 405 with Allow', async () => {
    expect(
      (await send('POST', `${API_BASE}/tasks`, '{"prompt":"x"}', { 'content-type': 'text/plain' })).status,
    ).toBe(415)
    const response = await fetch(`${running.url}${API_BASE}/tasks`, { method: 'PUT' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'OPTIONS', 'POST'])
  })

  it.each(['abc', 'W10', 'eyJwayI6IngifQ', '~'])('the cursor "%s" is refused', async (cursor) => {
    const answer = await client.get<Problem>(`/tasks?cursor=${cursor}`)
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_request' } })
    expect(answer.body.detail).toContain('cursor')
  })

  it('a time that ends before it begins is an empty page', async () => {
    const { body } = await client.get<{ tasks: unknown[] }>(
      '/tasks?created_after=2026-02-01T00:00:00Z&created_before=2026-01-01T00:00:00Z',
    )
    expect(body).toEqual({ tasks: [], next_cursor: null })
  })

  it('a connection with data that is not HTTP is closed, and the service keeps running', async () => {
    const { port } = new URL(running.url)
    for (const bytes of [
      '\0\0\0\0',
      'GET\r\n\r\n',
      'POST /api/v1/tasks HTTP/1.1\r\nContent-Length: abc\r\n\r\n',
    ])
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () => socket.end(bytes))
        socket
          .on('close', () => resolve())
          .on('error', () => resolve())
          .on('data', () => undefined)
      })
    expect((await client.get('/health')).status).toBe(200)
  })
})

function encodeURIComponentSafe(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

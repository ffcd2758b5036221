import { request as httpRequest } from 'node:http'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
  await client.done(known.id)
})
afterAll(() => running.stop())

const pathOf = (path: string) =>
  path.replace('{id}', known.id).replace('{lane}', 'demo').replace('{file}', 'start.js')
const send = (method: string, path: string, init: RequestInit = {}) =>
  fetch(`${running.url}${API_BASE}${path}`, { method, redirect: 'manual', ...init })
const json = { 'content-type': 'application/json' }

interface Problem {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly errors?: readonly { readonly path: string; readonly message: string }[]
}

describe('methods', () => {
  it('that no route accepts are 405, and the text names the same methods as Allow', async () => {
    for (const path of new Set(ROUTES.map((route) => route.path)))
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        if (ROUTES.some((route) => route.path === path && route.method === method)) continue
        const answer = await send(method, pathOf(path))
        const allow = answer.headers.get('allow') ?? ''
        expect([path, method, answer.status]).toEqual([path, method, 405])
        expect(((await answer.json()) as Problem).detail).toContain(`takes ${allow}, not ${method}`)
        expect(allow.split(', ')).not.toContain(method)
        expect(allow.split(', ')).toEqual(
          expect.arrayContaining(
            ROUTES.filter((route) => route.path === path).map((route) => route.method as string),
          ),
        )
      }
  })

  it('of the console are refused in the same way', async () => {
    for (const [path, method] of [
      ['/console', 'POST'],
      ['/console/outbox', 'DELETE'],
      ['/console/call', 'GET'],
    ] as const) {
      const answer = await fetch(`${running.url}${path}`, { method })
      expect([answer.status, answer.headers.get('content-type')]).toEqual([405, 'application/problem+json'])
      const { detail, code } = (await answer.json()) as Problem
      expect(detail).toBe(`${path} takes ${answer.headers.get('allow')}, not ${method}.`)
      expect(code).toBe('method_not_allowed')
    }
  })

  it('HEAD answers every GET as GET does, without the body', async () => {
    for (const route of ROUTES.filter(({ method }) => method === 'GET')) {
      const [head, get] = [await send('HEAD', pathOf(route.path)), await send('GET', pathOf(route.path))]
      expect([route.path, head.status]).toEqual([route.path, get.status])
      expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'))
      expect(await head.text()).toBe('')
      await get.body?.cancel()
    }
  })
})

describe('fields', () => {
  it('with names that every object has are fields like any other: never a 5xx, and refused by name', async () => {
    for (const name of Object.getOwnPropertyNames(Object.prototype))
      for (const route of ROUTES) {
        const hasBody = route.method !== 'GET'
        const answer = await send(route.method, `${pathOf(route.path)}?${name}=1`, {
          headers: { ...json, ...(/^[a-z]+$/i.test(name) ? { [name]: 'x' } : {}) },
          ...(hasBody ? { body: `{"${name}":{"${name}":1}}` } : {}),
        })
        expect([route.path, name, answer.status]).toEqual([route.path, name, 422])
        expect(((await answer.json()) as Problem).errors?.[0]?.path).toBe(name)
      }
  })

  it.each(['constructor', '__proto__', 'toString'])('%s in a body, an input and a lane', async (name) => {
    const bodies = [
      ['/tasks', { [name]: 1, prompt: 'x' }],
      ['/tasks', JSON.parse(`{"type":"example.add","input":{"x":1,"y":1,"${name}":1}}`)],
      ['/tasks', JSON.parse(`{"type":"${name}","input":{}}`)],
      ['/tasks', JSON.parse(`{"prompt":"x","model":"${name}"}`)],
      ['/tasks/add', JSON.parse(`{"x":1,"y":2,"${name}":1}`)],
    ] as const
    for (const [path, body] of bodies) expect((await client.post(path, body)).status).toBe(422)
    expect((await client.get(`/tasks/${name}`)).status).toBe(404)
    expect((await client.post(`/queues/${name}/pause`)).status).toBe(404)
    expect((await client.get(`/docs/${name}`)).status).toBe(404)
  })

  it('that are unknown are refused with the nearest name, repeated ones as repeated', async () => {
    const unknown = await client.get<Problem>('/tasks?staus=FAILED')
    expect(unknown).toMatchObject({ status: 422, body: { errors: [{ path: 'staus' }] } })
    expect(unknown.body.detail).toContain('Nearest: "status"')
    const repeated = await client.get<Problem>('/tasks?status=PENDING&status=FAILED')
    expect(repeated).toMatchObject({ status: 422, body: { errors: [{ path: 'status' }] } })
    expect(repeated.body.detail).toContain('came 2 times')
    expect((await client.get<Problem>('/tasks?limit=abc')).body.detail).toContain('limit must be a number')
  })

  it('of the older routes are read from the query, from JSON, or from both', async () => {
    const task = async (path: string, body?: unknown) =>
      (await client.post<TaskView & { task_id: string; input: unknown }>(path, body)).body
    expect(await task('/tasks/add?x=1&y=2')).toMatchObject({ input: { x: 1, y: 2 } })
    expect(await task('/tasks/add?x=1', { y: 2 })).toMatchObject({ input: { x: 1, y: 2 } })
    expect(await task('/tasks/example', { name: 'n', seconds: 0 })).toMatchObject({
      input: { name: 'n', seconds: 0 },
    })
    const { id, task_id } = await task('/tasks/example?name=n&seconds=0')
    expect(task_id).toBe(id)
    const missing = await client.post<Problem>('/tasks/add', {})
    expect(missing.body.errors).toEqual([
      { path: 'x', message: 'is missing.' },
      { path: 'y', message: 'is missing.' },
    ])
  })
})

describe('bodies', () => {
  it('are UTF-8 or refused, whatever charset the client names', async () => {
    const gbk = new Uint8Array([...Buffer.from('{"prompt":"'), 0xc4, 0xe3, 0xba, 0xc3, ...Buffer.from('"}')])
    const answer = await send('POST', '/tasks', { headers: json, body: gbk })
    expect(answer.status).toBe(400)
    expect(((await answer.json()) as Problem).detail).toContain('UTF-8')
    const named = { 'content-type': 'application/json; charset=gbk' }
    expect((await send('POST', '/tasks', { headers: named, body: '{"prompt":"x"}' })).status).toBe(415)
  })

  it('may be gzip or deflate, with a limit on their decompressed size; other encodings are 415', async () => {
    const text = '{"type":"example.add","input":{"x":1,"y":2}}'
    const post = (coding: string, body: Uint8Array<ArrayBuffer>) =>
      send('POST', '/tasks', { headers: { ...json, 'content-encoding': coding }, body })
    const statuses = await Promise.all([
      post('gzip', new Uint8Array(gzipSync(text))),
      post('DEFLATE', new Uint8Array(deflateSync(text))),
      post('identity', new Uint8Array(Buffer.from(text))),
      post('br', new Uint8Array(brotliCompressSync(text))),
      post('gzip', new Uint8Array(Buffer.from(text))),
      post('gzip', new Uint8Array(gzipSync(' '.repeat(50_000_000)))),
    ])
    expect(statuses.map(({ status }) => status)).toEqual([202, 202, 202, 415, 415, 413])
    expect(statuses[3]?.headers.get('content-type')).toBe('application/problem+json')
  })

  it('keep whole numbers or are refused by path', async () => {
    const body = '{"type":"example.add","input":{"x":1,"y":9007199254740993}}'
    const answer = await client.post<Problem>('/tasks', body)
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: 'input.y' }] } })
  })
})

describe('links and validators', () => {
  it('Location and links lead to the task when a client follows them', async () => {
    const answer = await client.post<TaskView & { links: Record<string, string> }>('/tasks', { prompt: 'x' })
    const location = new URL(answer.headers.get('location') ?? '', running.url)
    expect((await (await fetch(location)).json()) as TaskView).toMatchObject({ id: answer.body.id })
    const self = new URL(answer.body.links.self ?? '', running.url)
    expect(self.href).toBe(location.href)
  })

  it('an unchanged task is 304 for its ETag, weak or strong', async () => {
    const { headers } = await client.get(`/tasks/${known.id}`)
    const etag = headers.get('etag') ?? ''
    expect(etag).toMatch(/^W\/".+"$/)
    for (const tag of [etag, etag.slice(2), `"other", ${etag}`, '*']) {
      const answer = await send('GET', `/tasks/${known.id}`, { headers: { 'if-none-match': tag } })
      expect([tag, answer.status, await answer.text()]).toEqual([tag, 304, ''])
    }
    const other = await send('GET', `/tasks/${known.id}`, { headers: { 'if-none-match': '"other"' } })
    expect(other.status).toBe(200)
  })
})

/** Header lines as received: fetch would join two lines with one name. */
const rawHeaders = (path: string, headers: Record<string, string>) =>
  new Promise<{ status: number; names: string[]; body: string }>((resolve, reject) => {
    const request = httpRequest(new URL(path, running.url), { method: 'POST', headers }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          names: response.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()),
          body,
        }),
      )
    })
    request.on('error', reject)
    request.end('x'.repeat(11 * 1024 * 1024))
  })

describe('what the gateway answers by itself', () => {
  it('is one problem document with one line of each header', async () => {
    const tooLarge = await rawHeaders(`${API_BASE}/tasks`, json)
    expect(tooLarge.status).toBe(413)
    expect(tooLarge.names.filter((name) => name === 'content-type')).toEqual(['content-type'])
    expect(JSON.parse(tooLarge.body)).toMatchObject({ status: 413, code: 'payload_too_large' })
  })

  it('pages of other sites are refused with a problem document', async () => {
    const answer = await send('POST', '/tasks', {
      headers: { ...json, 'sec-fetch-site': 'cross-site' },
      body: '{"prompt":"x"}',
    })
    expect(answer.status).toBe(403)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(await answer.json()).toMatchObject({ status: 403, code: 'forbidden' })
  })
})

describe('pages in a browser', () => {
  const page = (origin: string, method = 'POST') =>
    send(method, '/tasks', {
      headers:
        method === 'OPTIONS'
          ? { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-api-key' }
          : { ...json, origin },
      ...(method === 'POST' ? { body: '{"prompt":"x"}' } : {}),
    })

  it.each(['http://localhost:5173', 'http://127.0.0.1:8080', 'http://localhost'])(
    'of %s may send preflights and requests, and read the answers',
    async (origin) => {
      const preflight = await page(origin, 'OPTIONS')
      expect(preflight.status).toBe(204)
      expect(preflight.headers.get('access-control-allow-origin')).toBe(origin)
      expect(preflight.headers.get('access-control-allow-methods')).toContain('POST')
      expect(preflight.headers.get('access-control-allow-headers')).toContain('x-api-key')
      const answer = await page(origin)
      expect(answer.status).toBe(202)
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
      expect(answer.headers.get('access-control-expose-headers')).toContain('location')
      expect(answer.headers.get('vary')).toBe('origin')
      const refused = await send('POST', '/tasks', { headers: { ...json, origin }, body: '{}' })
      expect(refused.status).toBe(422)
      expect(refused.headers.get('access-control-allow-origin')).toBe(origin)
    },
  )

  it.each(['https://evil.example', 'http://localhost.evil.example', 'null', 'http://evil.example:5173'])(
    'of %s get no CORS headers, and their requests are refused',
    async (origin) => {
      expect((await page(origin, 'OPTIONS')).headers.get('access-control-allow-origin')).toBeNull()
      expect((await page(origin)).status).toBe(403)
    },
  )

  it('of another port reach only the API, not the console', async () => {
    const origin = 'http://localhost:5173'
    const answer = await fetch(`${running.url}/console/api/state`, { headers: { origin } })
    expect(answer.status).toBe(404)
  })
})

describe('the deep health check', () => {
  it('reports table, queues, bucket and the sweeper, by the query field and by its own path', async () => {
    const shallow = await client.get<Record<string, unknown>>('/health?deep=0')
    expect(shallow.body).not.toHaveProperty('checks')
    const deep = await client.get<Record<string, unknown>>('/health?deep=1')
    expect(deep).toMatchObject({
      status: 200,
      body: {
        status: 'healthy',
        checks: {
          table: { status: 'ok' },
          queues: { status: 'ok' },
          bucket: { status: 'ok' },
          sweeper: { status: 'ok' },
        },
      },
    })
    const moved = await send('GET', '/health?deep=1')
    expect([moved.status, moved.headers.get('location')]).toEqual([307, `${API_BASE}/health/deep`])
    expect(ROUTES.find(({ path }) => path === '/health/deep')?.scope).toBe('ops:read')
  })
})

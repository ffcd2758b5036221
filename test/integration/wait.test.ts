import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../lib/client/client.ts'
import { Client, type TaskView } from '../fixtures/client.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { startTestRuntime } from '../fixtures/running.ts'

let server: Awaited<ReturnType<typeof startModelServer>>
let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client

beforeAll(async () => {
  server = await startModelServer()
  running = await startTestRuntime({ OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' })
  client = new Client(running.url)
})
afterAll(async () => {
  await running.stop()
  await server.stop()
})

const add = { type: 'example.add', input: { x: 1, y: 2 } }
/** A model that answers after a number of milliseconds. */
const slow = (ms: number) => ({ prompt: 'slow', model: `stub-${ms}` })

describe('a waiting task shows', () => {
  it('its position, its likely start and end, and its cost, and none of them once it runs', async () => {
    await client.done((await client.submit(slow(300))).id)
    // The API caches a lane's numbers for five seconds.
    const inTime = { timeout: 15_000, interval: 500 }
    const later = { ...slow(300), delay_seconds: 600 }
    await expect
      .poll(async () => (await client.submit(later)).queue?.estimated_finish, inTime)
      .toMatchObject({ earliest: expect.any(String) })
    const { queue, run_at, id } = await client.submit(later)
    expect(queue).toMatchObject({ position: null, estimated_start: { earliest: run_at } })
    const { body } = await client.get(`/tasks/${id}`)
    expect(body.queue).toMatchObject({ position: null, estimated_start: { earliest: run_at } })
    const { body: ended } = await client.post('/tasks', add, { prefer: 'wait=20' })
    expect([ended.queue, ended.estimated_cost_usd]).toEqual([null, null])
  })

  it('that its start is unknown, in a paused lane', async () => {
    await client.post('/queues/demo/pause')
    const inTime = { timeout: 15_000, interval: 500 }
    await expect
      .poll(async () => (await client.submit(add)).queue, inTime)
      .toMatchObject({ position: expect.any(Number), estimated_start: null, estimated_finish: null })
    await client.post('/queues/demo/resume')
  })
})

describe('a submission that waits', () => {
  it('answers 200 with the finished task', async () => {
    const answer = await client.post('/tasks', add, { prefer: 'wait=20' })
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ status: 'COMPLETED', result: 3 })
    expect(answer.headers.get('preference-applied')).toBe('wait=20')
    const location = answer.headers.get('location') ?? ''
    expect((await client.follow(location)).body.status).toBe('COMPLETED')
  })

  it('answers 202 when the time is over, and the task continues', async () => {
    const answer = await client.post('/tasks', slow(2_500), { prefer: 'wait=1' })
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([202, 'wait=1'])
    expect(answer.headers.get('retry-after')).toMatch(/^[1-9]$/)
    expect((await client.done(answer.body.id)).status).toBe('COMPLETED')
  })

  it('a replay of a task that has ended is 200 at once', async () => {
    const headers = { prefer: 'wait=20', 'idempotency-key': 'again' }
    const first = await client.post('/tasks', add, headers)
    const second = await client.post('/tasks', add, headers)
    expect([second.status, second.body.id]).toEqual([200, first.body.id])
    expect(second.headers.get('idempotent-replayed')).toBe('true')
  })

  it('works on every route that submits', async () => {
    const answer = await client.post('/tasks/add', { x: 2, y: 2 }, { prefer: 'wait=20' })
    expect([answer.status, answer.body.result]).toEqual([200, 4])
  })

  it('ignores values that it does not understand', async () => {
    const answer = await client.post('/tasks', add, { prefer: 'respond-async, wait=soon' })
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([202, null])
  })
})

describe('a read that waits', () => {
  it('answers with the end of the task', async () => {
    const { id } = await client.submit(slow(800))
    const answer = await client.get(`/tasks/${id}?wait=20`)
    expect(answer.body).toMatchObject({ status: 'COMPLETED', result: 'echo: slow' })
    expect((await client.get(`/tasks/status/${id}?wait=20`)).body.status).toBe('COMPLETED')
  })

  it('with If-None-Match answers with the next change, or 304 when the time is over', async () => {
    const { id } = await client.submit({ ...add, delay_seconds: 3 })
    const first = await client.get(`/tasks/${id}`)
    const etag = first.headers.get('etag') ?? ''
    const known = { 'if-none-match': etag }
    expect((await client.call('GET', `/tasks/${id}?wait=1`, undefined, known)).status).toBe(304)
    const changed = await client.call<TaskView>('GET', `/tasks/${id}?wait=20`, undefined, known)
    expect(changed.status).toBe(200)
    expect(changed.body.status).not.toBe('SCHEDULED')
    expect(changed.headers.get('etag')).not.toBe(etag)
  })

  it('of many ids answers with the first end; an unknown id is left out', async () => {
    const tasks = await Promise.all([slow(700), slow(15_000)].map((body) => client.submit(body)))
    const ids = tasks.map(({ id }) => id)
    const path = `/tasks?ids=${[...ids, 'unknown'].join(',')}`
    const answer = await client.get<{ tasks: TaskView[]; next_cursor: null }>(`${path}&wait=20`)
    expect(answer.body.tasks.map(({ id }) => id)).toEqual(ids)
    expect(answer.body.tasks[0]?.status).toBe('COMPLETED')
    expect(answer.body.tasks[1]?.status).not.toBe('COMPLETED')
    expect(answer.body.next_cursor).toBeNull()
    await client.post(`/tasks/${ids[1]}/cancel`)
  })

  it('refuses invalid values, by field', async () => {
    const { id } = await client.submit(add)
    for (const [path, field] of [
      [`/tasks/${id}?wait=26`, 'wait'],
      [`/tasks/${id}?wait=-1`, 'wait'],
      [`/tasks/${id}?wait=1.5`, 'wait'],
      [`/tasks/${id}?wait=x`, 'wait'],
      ['/tasks?wait=5', 'wait'],
      [`/tasks?ids=${id}&status=FAILED`, 'status'],
      [`/tasks?ids=${id},`, 'ids'],
      [`/tasks?ids=${Array.from({ length: 101 }, () => id).join(',')}`, 'ids'],
    ] as const) {
      const answer = await client.get<{ errors?: { path: string }[] }>(path)
      expect([path.slice(0, 60), answer.status, answer.body.errors?.[0]?.path]).toEqual([
        path.slice(0, 60),
        422,
        field,
      ])
    }
    expect((await client.get('/tasks/unknown?wait=20')).status).toBe(404)
  })
})

describe('many waiting callers', () => {
  it('take the stage’s places and no more: the others are answered at once, with when to ask again', async () => {
    const { id } = await client.submit(slow(4_000))
    const begun = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const answer = await client.get(`/tasks/${id}?wait=20`)
        return { status: answer.body.status, retryAfter: answer.headers.get('retry-after') }
      }),
    )
    const sentAway = begun.filter(({ retryAfter }) => retryAfter !== null)
    expect(sentAway.length).toBe(10)
    expect(sentAway.every(({ retryAfter }) => Number(retryAfter) >= 2 && Number(retryAfter) <= 5)).toBe(true)
    expect(begun.filter(({ status }) => status === 'COMPLETED').length).toBe(2)
  })

  it('the typed client waits in either case', async () => {
    const api = createClient({ url: running.url })
    const { id } = await client.submit(slow(1_500))
    const done = await Promise.all(Array.from({ length: 6 }, () => api.tasks.wait<'text.generate'>(id)))
    expect(done.map(({ result }) => result)).toEqual(Array.from({ length: 6 }, () => 'echo: slow'))
  })
})

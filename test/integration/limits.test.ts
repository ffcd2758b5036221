import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestRuntime } from '../fixtures/running.ts'

let running: Awaited<ReturnType<typeof startTestRuntime>>
beforeAll(async () => {
  running = await startTestRuntime({ TENANT_LIMITS: '{"openTasks": 3, "submitsPerMinute": 60, "burst": 60}' })
})
afterAll(() => running.stop())

const post = (path: string, body?: object, headers: Record<string, string> = {}) =>
  fetch(`${running.url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
const later = { type: 'example.add', input: { x: 1, y: 2 }, delay_seconds: 600 }
const idOf = async (answer: Response) => ((await answer.json()) as { id: string }).id

describe('limits of a tenant on the running product', () => {
  it('let in exactly as many as there are places, and say which limit it was', async () => {
    const first = await post('/tasks', later, { 'idempotency-key': 'first' })
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('/tasks', later)))
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(2)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.headers.get('retry-after')).toBe('5')
    expect(refused?.headers.get('ratelimit')).toBe('"open_tasks";r=0;t=5')
    expect(refused?.headers.get('ratelimit-policy')).toBe('"open_tasks";q=3')
    expect(await refused?.json()).toMatchObject({ code: 'limit_reached', status: 429 })

    const replay = await post('/tasks', later, { 'idempotency-key': 'first' })
    expect([replay.status, replay.headers.get('idempotent-replayed')]).toEqual([202, 'true'])

    expect((await post(`/tasks/${await idOf(first)}/cancel`)).status).toBe(200)
    expect((await post('/tasks', later)).status).toBe(202)
    expect((await post('/tasks', later)).status).toBe(429)
  })
})

it('a task that ends by itself gives its place back', async () => {
  const page = (await (await fetch(`${running.url}/api/v1/tasks?status=SCHEDULED`)).json()) as {
    tasks: { id: string }[]
  }
  for (const { id } of page.tasks) await post(`/tasks/${id}/cancel`)
  for (let round = 0; round < 5; round += 1) {
    const done = await post(
      '/tasks',
      { type: 'example.add', input: { x: round, y: 1 } },
      { prefer: 'wait=20' },
    )
    expect([done.status, ((await done.json()) as { result: number }).result]).toEqual([200, round + 1])
  }
})

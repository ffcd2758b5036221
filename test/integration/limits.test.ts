import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startModelServer } from '../fixtures/model-server.ts'
import { startTestRuntime } from '../fixtures/running.ts'

let running: Awaited<ReturnType<typeof startTestRuntime>>
let server: Awaited<ReturnType<typeof startModelServer>>
beforeAll(async () => {
  server = await startModelServer()
  running = await startTestRuntime({
    OPENAI_BASE_URL: server.openaiUrl,
    OPENAI_MODELS: 'stub-*',
    PROVIDER_LIMITS: '{"simulated:simulated-fast": {"requestsPerMinute": 30}}',
    TENANT_LIMITS:
      '{"openTasks": 3, "runningTasks": 2, "schedules": 2, "workflows": 1, "submitsPerMinute": 60, "burst": 60, "budget": {"usdPerDay": 0.1, "usdPerMonth": 1}}',
  })
})
afterAll(async () => {
  await running.stop()
  await server.stop()
})

const post = (path: string, body?: object, headers: Record<string, string> = {}) =>
  fetch(`${running.url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
const later = { type: 'example.add', input: { x: 1, y: 2 }, delay_seconds: 600 }
/** An environment that read the limits before they were set uses the old ones for ten seconds. */
async function accepted(body: object): Promise<string> {
  for (;;) {
    const answer = await post('/tasks', body)
    if (answer.status === 202) return idOf(answer)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
const idOf = async (answer: Response) => ((await answer.json()) as { id: string }).id

describe('limits of a tenant on the running product', () => {
  it('accept exactly as many tasks as there are places, and name the limit that refused the others', async () => {
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

it('a task that ends returns its place', async () => {
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

describe('a budget on the running product', () => {
  /** At most 4 times $0.0005 for input and $0.01 for output. */
  const dear = { prompt: 'x', model: 'gpt-4o', max_tokens: 1_000 }
  const read = async (answer: Response) => (await answer.json()) as Record<string, unknown>

  it('reserves the highest possible cost of open tasks, answers 402 with what is left, and frees the reservation at a cancel', async () => {
    const held = await Promise.all([1, 2].map(() => post('/tasks', { ...dear, delay_seconds: 600 })))
    expect(held.map(({ status }) => status)).toEqual([202, 202])
    const refused = await post('/tasks', dear)
    expect(refused.status).toBe(402)
    expect(await read(refused)).toMatchObject({
      code: 'budget_exhausted',
      title: 'Budget exhausted',
      budget: {
        limit: 'usd_per_day',
        limit_usd: 0.1,
        spent_usd: 0,
        held_usd: 0.084024,
        left_usd: 0.015976,
        needed_usd: 0.042012,
      },
    })
    for (const answer of held) await post(`/tasks/${await idOf(answer)}/cancel`)
    const done = await post('/tasks', dear, { prefer: 'wait=20' })
    expect([done.status, ((await read(done)).usage as { cost_usd: number }).cost_usd > 0]).toEqual([
      200,
      true,
    ])
  })

  it('refuses a model without a known price, and a cost limit on a task that calls no model', async () => {
    const unknown = await post('/tasks', { prompt: 'x', model: 'stub-0' })
    expect([unknown.status, (await read(unknown)).errors]).toEqual([
      422,
      [{ path: 'model', message: expect.stringContaining('has no known price') }],
    ])
    const free = await post('/tasks', { ...later, max_cost_usd: 1 })
    expect([free.status, (await read(free)).errors]).toEqual([
      422,
      [{ path: 'max_cost_usd', message: expect.stringContaining('calls no model') }],
    ])
  })

  it('ends a task whose next call could exceed its own limit', async () => {
    const done = await post(
      '/tasks',
      {
        type: 'document.process',
        input: { text: 'A text of some words.' },
        model: 'gpt-4o',
        max_cost_usd: 0.0001,
      },
      { prefer: 'wait=20' },
    )
    expect(await read(done)).toMatchObject({
      status: 'FAILED',
      error: { code: 'cost_limit_reached', retryable: false },
    })
  })
})

describe('limits that are set for one tenant', () => {
  const limits = async (method: 'GET' | 'PUT', body?: object) => {
    const answer = await fetch(`${running.url}/api/v1/limits`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }

  it('are read with the spending, replaced as a whole, and refused by field', async () => {
    const seen = await limits('GET')
    expect(seen).toMatchObject({
      status: 200,
      body: { tenant: 'default', open_tasks: 3, usd_per_day: 0.1, payload_bytes: null, own: [] },
    })
    const [day] = seen.body.budget as { spent_usd: number; held_usd: number }[]
    expect([(day?.spent_usd ?? 0) > 0, day?.held_usd]).toEqual([true, 0])
    expect(await limits('PUT', { payload_bytes: 20, open_tasks: 4 })).toMatchObject({
      status: 200,
      body: { payload_bytes: 20, open_tasks: 4, usd_per_day: 0.1, own: ['open_tasks', 'payload_bytes'] },
    })
    expect(await limits('PUT', { open_tasks: 0 })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'open_tasks' }] },
    })
  })
})

describe('a concurrency_key on the running product', () => {
  it('lets one task run at a time, and starts the next without a sweep', async () => {
    await fetch(`${running.url}/api/v1/limits`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ open_tasks: 10 }),
    })
    const slow = { type: 'example.run', input: { name: 'x', seconds: 1 }, concurrency_key: 'customer-1' }
    const ids = await Promise.all([1, 2, 3].map(() => accepted(slow)))
    const ends = await Promise.all(
      ids.map(async (id) => {
        for (;;) {
          const task = (await (await fetch(`${running.url}/api/v1/tasks/${id}?wait=20`)).json()) as Record<
            string,
            string
          >
          if (task.finished_at) return task
        }
      }),
    )
    const runs = ends
      .map(({ status, attempts, started_at, finished_at }) => ({
        status,
        attempts,
        from: started_at ?? '',
        to: finished_at ?? '',
      }))
      .toSorted((left, right) => left.from.localeCompare(right.from))
    expect(runs.map(({ status, attempts }) => [status, attempts])).toEqual(runs.map(() => ['COMPLETED', 1]))
    expect((runs[1]?.from ?? '') >= (runs[0]?.to ?? 'z')).toBe(true)
    expect((runs[2]?.from ?? '') >= (runs[1]?.to ?? 'z')).toBe(true)
  })
})

it('the spending of a budget equals the sums of GET /usage by tag, day, model and type, to the cent', async () => {
  const task = { prompt: 'x', model: 'gpt-4o', max_tokens: 100, tags: ['customer-1'] }
  const done = await post('/tasks', task, { prefer: 'wait=20' })
  expect(done.status).toBe(200)
  interface Sums {
    cost_usd: number
    by_tag: Record<string, { cost_usd: number }>
    by_day: Record<string, { cost_usd: number }>
    by_model: Record<string, { cost_usd: number }>
    by_type: Record<string, { cost_usd: number }>
  }
  const { usage } = (await done.json()) as { usage: { cost_usd: number } }
  const read = async () => (await (await fetch(`${running.url}/api/v1/usage?hours=24`)).json()) as Sums
  await expect.poll(async () => (await read()).by_tag['customer-1']?.cost_usd).toBe(usage.cost_usd)
  const sums = await read()
  for (const by of [sums.by_day, sums.by_model, sums.by_type])
    expect(Object.values(by).reduce((sum, { cost_usd }) => sum + cost_usd, 0)).toBeCloseTo(sums.cost_usd, 6)
  const limits = (await (await fetch(`${running.url}/api/v1/limits`)).json()) as {
    budget: { spent_usd: number }[]
  }
  expect(limits.budget[0]?.spent_usd).toBeCloseTo(sums.cost_usd, 6)
})

describe('the number of a tenant’s schedules, workflows and running tasks', () => {
  it('is limited for schedules: two of ten at once are accepted, a replay is answered, and a deleted one frees a place', async () => {
    const hourly = { rate_seconds: 3_600, task: { type: 'example.add', input: { x: 1, y: 2 } } }
    const first = await post('/schedules', hourly, { 'idempotency-key': 'schedule-1' })
    const id = await idOf(first)
    const answers = await Promise.all(Array.from({ length: 10 }, () => post('/schedules', hourly)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.headers.get('retry-after')).toBe('60')
    expect(refused?.headers.get('ratelimit')).toBe('"schedules";r=0;t=60')
    expect(refused?.headers.get('ratelimit-policy')).toBe('"schedules";q=2')
    expect((await post('/schedules', hourly, { 'idempotency-key': 'schedule-1' })).status).toBe(201)
    await fetch(`${running.url}/api/v1/schedules/${id}`, { method: 'DELETE' })
    expect((await post('/schedules', hourly)).status).toBe(201)
    expect((await post('/schedules', hourly)).status).toBe(429)
  })

  it('is limited for workflows', async () => {
    const waits = { steps: { go: { wait: { signal: 'go' } } } }
    const first = await post('/workflows', waits, { 'idempotency-key': 'flow-1' })
    expect(first.status).toBe(202)
    const refused = await post('/workflows', waits)
    expect([refused.status, refused.headers.get('ratelimit-policy')]).toEqual([429, '"workflows";q=1'])
    expect((await post('/workflows', waits, { 'idempotency-key': 'flow-1' })).status).toBe(202)
  })

  it('is limited for running tasks: the others wait in order, and use up no attempt', async () => {
    const slow = { type: 'example.run', input: { name: 'x', seconds: 1 } }
    const ids = await Promise.all([1, 2, 3, 4, 5].map(() => accepted(slow)))
    const ends = await Promise.all(
      ids.map(async (id) => {
        for (;;) {
          const answer = await fetch(`${running.url}/api/v1/tasks/${id}?wait=20`)
          const task = (await answer.json()) as Record<string, string>
          if (task.finished_at) return task
        }
      }),
    )
    expect(ends.map(({ status, attempts }) => [status, attempts])).toEqual(ends.map(() => ['COMPLETED', 1]))
    const at = (time: string) =>
      ends.filter(({ started_at, finished_at }) => (started_at ?? '') <= time && time < (finished_at ?? ''))
        .length
    expect(Math.max(...ends.map(({ started_at }) => at(started_at ?? '')))).toBeLessThanOrEqual(2)
  })
})

it('a model call above its provider’s limit is planned: its task waits, says so, and uses up no attempt', async () => {
  const ids = await Promise.all([1, 2, 3, 4].map(() => accepted({ prompt: 'x', model: 'simulated-fast' })))
  const get = async (id: string, more = '') =>
    (await (await fetch(`${running.url}/api/v1/tasks/${id}${more}`)).json()) as Record<string, unknown>
  const waiting = async () => {
    const tasks = await Promise.all(ids.map((id) => get(id)))
    return tasks.find(({ error }) => (error as { code?: string } | null)?.code === 'provider_limit')
  }
  await expect.poll(waiting, { timeout: 20_000 }).toMatchObject({ status: 'RETRYING', attempts: 0 })
  for (const id of ids)
    for (let task = await get(id, '?wait=20'); ; task = await get(id, '?wait=20')) {
      if (!task.finished_at) continue
      expect([task.status, task.attempts]).toEqual(['COMPLETED', 1])
      break
    }
})

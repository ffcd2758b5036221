import { PurgeQueueCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { LANES } from '../../functions/contract.ts'
import { Client } from '../fixtures/client.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { openSqs, startTestRuntime } from '../fixtures/running.ts'

let server: Awaited<ReturnType<typeof startModelServer>>
let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
let sqs: SQSClient
beforeAll(async () => {
  server = await startModelServer()
  running = await startTestRuntime({ OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' })
  client = new Client(running.url)
  sqs = openSqs(running.endpoints.sqs, running.credentials)
})
afterAll(async () => {
  sqs.destroy()
  await running.stop()
  await server.stop()
})

interface RedriveResult {
  matched: number
  redriven: number
  remaining: number
  by_error: Record<string, number>
  tasks: string[]
}
interface Lane {
  lane: string
  visible: number
  dead_letters: number
  is_paused: boolean
}
interface Explained {
  gate: string
  message: string
  next_at: string | null
}
const redrive = (lane: string, body: object) => client.post<RedriveResult>(`/queues/${lane}/redrive`, body)
const explain = async (id: string) => (await client.get<Explained>(`/tasks/${id}/explain`)).body
const laneOf = async (name: string) => {
  const { body } = await client.get<{ queues: Lane[] }>('/queues')
  return body.queues.find(({ lane }) => lane === name)
}
const failed = async (model: string, count: number) => {
  const tasks = await Promise.all(
    Array.from({ length: count }, (_, n) => client.submit({ prompt: `fails ${n}`, model })),
  )
  for (const { id } of tasks) await client.done(id)
  return tasks.map(({ id }) => id)
}
const deadUrl = (lane: string) =>
  running.plan.queues.find(({ name }) => name.includes(`deadletters${lane}`))?.url ?? ''

describe('bulk redrive', () => {
  it('a dry run counts by error and changes nothing; the redrive starts each task once, also with two operators at once', async () => {
    const locked = await failed('simulated-fail-401', 6)
    const refused = await failed('simulated-refuse', 3)
    const dry = await redrive('ai', { dry_run: true })
    expect(dry).toMatchObject({
      status: 200,
      body: {
        matched: 9,
        redriven: 0,
        remaining: 9,
        by_error: { provider_unauthorized: 6, content_refused: 3 },
        tasks: [],
      },
    })
    await expect.poll(async () => (await laneOf('ai'))?.dead_letters).toBe(9)
    const answers = await Promise.all([
      redrive('ai', { error_code: 'provider_unauthorized' }),
      redrive('ai', { error_code: 'provider_unauthorized' }),
    ])
    expect(answers.reduce((sum, { body }) => sum + body.redriven, 0)).toBe(6)
    for (const id of locked)
      expect(await client.until(id, ({ status, epoch }) => status === 'FAILED' && epoch === 2)).toMatchObject(
        { attempts: 1 },
      )
    for (const id of refused) expect((await client.get(`/tasks/${id}`)).body.epoch).toBe(1)
  })

  it('deletes the dead letters of tasks that are no longer failed, so that the queue lists the failed ones', async () => {
    await redrive('ai', { error_code: 'nothing_like_it' })
    await expect
      .poll(
        async () => {
          await running.pool('SweeperSweep').invoke({})
          // Messages that were read and kept become visible again a second later.
          await new Promise((resolve) => setTimeout(resolve, 1_500))
          return (await laneOf('ai'))?.dead_letters
        },
        { timeout: 30_000, interval: 2_000 },
      )
      .toBe(9)
  })

  it('finds failed tasks although the dead-letter queue was purged; a rate spreads their starts', async () => {
    await sqs.send(new PurgeQueueCommand({ QueueUrl: deadUrl('ai') }))
    const { body } = await redrive('ai', { limit: 4, pace_per_second: 1, type: 'text.generate' })
    expect(body).toMatchObject({ matched: 9, redriven: 4, remaining: 5 })
    const starts: number[] = []
    for (const id of body.tasks) {
      const task = await client.until(
        id,
        ({ status, epoch, attempts }) => status === 'FAILED' && epoch > 1 && attempts === 1,
      )
      starts.push(Date.parse(task.started_at ?? ''))
    }
    starts.sort((left, right) => left - right)
    expect((starts.at(-1) ?? 0) - (starts[0] ?? 0)).toBeGreaterThan(2_500)
  })

  it('says what is wrong with a request', async () => {
    expect(await client.post('/queues/al/redrive', {})).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining('Nearest: "ai"') },
    })
    expect(await redrive('ai', { limit: 5_000, pace_per_second: 1 })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'pace_per_second' }] },
    })
    expect(await redrive('ai', { dryrun: true })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'dryrun' }] },
    })
    // Without a body it redrives everything, like the console's button; in this lane there is nothing.
    expect(await client.post('/queues/email/redrive')).toMatchObject({ status: 200, body: { matched: 0 } })
  })
})

describe('pause and resume', () => {
  it('a paused lane runs nothing and says so; when it is resumed, it runs the waiting tasks', async () => {
    expect(await client.post('/queues/demo/pause')).toMatchObject({
      status: 200,
      body: { lane: 'demo', is_paused: true },
    })
    // The poll in progress ends first.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const { id } = await client.submit({ type: 'example.add', input: { x: 1, y: 2 } })
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    await running.pool('SweeperSweep').invoke({})
    expect((await client.get(`/tasks/${id}`)).body).toMatchObject({ status: 'PENDING', attempts: 0 })
    expect(await laneOf('demo')).toMatchObject({ is_paused: true })
    expect(await explain(id)).toMatchObject({ gate: 'paused', message: expect.stringContaining('resume') })
    expect((await client.post('/queues/demo/resume')).status).toBe(200)
    expect(await client.done(id)).toMatchObject({ status: 'COMPLETED', attempts: 1, result: 3 })
    expect(await laneOf('demo')).toMatchObject({ is_paused: false })
  })
})

describe('explain', () => {
  it('names the condition that each state waits for', async () => {
    const later = await client.submit({ type: 'example.add', input: { x: 1, y: 1 }, delay_seconds: 300 })
    const scheduled = await explain(later.id)
    expect(scheduled).toMatchObject({ gate: 'schedule' })
    expect(Date.parse(scheduled.next_at ?? '') - Date.parse(later.created_at)).toBe(300_000)
    const slow = await client.submit({ prompt: 'x', model: 'simulated-slow-3' })
    await client.until(slow.id, ({ status }) => status === 'PROCESSING')
    expect(await explain(slow.id)).toMatchObject({
      gate: 'running',
      message: expect.stringContaining('Attempt 1 of 4'),
    })
    const limited = await client.submit({ prompt: 'x', model: 'simulated-429-30' })
    await client.until(limited.id, ({ status }) => status === 'RETRYING')
    expect(await explain(limited.id)).toMatchObject({
      gate: 'retry',
      message: expect.stringContaining('provider_rate_limited'),
      next_at: expect.any(String),
    })
    expect(await explain((await client.done(slow.id)).id)).toMatchObject({ gate: 'finished', next_at: null })
    const [dead = ''] = await failed('simulated-fail-401', 1)
    expect((await explain(dead)).message).toContain('POST /queues/ai/redrive')
    expect((await client.get('/tasks/none/explain')).status).toBe(404)
  })
})

describe('the circuit breaker', () => {
  it('calls to a provider that is down are paused; the tasks wait without using up attempts and end when it is back', async () => {
    server.trouble = 503
    const downAt = Date.now()
    const tasks = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        client.submit({ prompt: `during the outage ${n}`, model: 'stub-50', max_attempts: 4 }),
      ),
    )
    const gates = new Set<string>()
    await expect
      .poll(
        async () => {
          for (const { id } of tasks) gates.add((await explain(id)).gate)
          return gates.has('circuit')
        },
        { timeout: 30_000, interval: 500 },
      )
      .toBe(true)
    const parked = (await Promise.all(tasks.map(({ id }) => explain(id)))).find(
      ({ gate }) => gate === 'circuit',
    )
    expect(parked?.message).toContain('openai:stub-50 keeps failing')
    // In the first half minute a task is checked again each second, so this time may have passed already.
    expect(Date.parse(parked?.next_at ?? '')).toBeGreaterThan(downAt)
    // Longer than three backoffs, of 2, 4 and 8 s at most.
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, downAt + 16_000 - Date.now())))
    server.trouble = undefined
    for (const { id } of tasks) {
      const task = await client.done(id)
      expect(task).toMatchObject({ status: 'COMPLETED' })
      expect(task.attempts).toBeLessThan(4)
    }
    expect(server.calls.filter(({ prompt }) => prompt.startsWith('during')).length).toBeLessThan(60)
  })
})

/** The usage of all tasks, page by page, against the sums of their hours and days. */
async function expectSums(): Promise<void> {
  interface Listed {
    tasks: { usage: { input_tokens: number; output_tokens: number } | null }[]
    next_cursor: string | null
  }
  const sums = { input_tokens: 0, output_tokens: 0 }
  let cursor: string | null = ''
  do {
    const { body }: { body: Listed } = await client.get(
      `/tasks?limit=100${cursor ? `&cursor=${cursor}` : ''}`,
    )
    for (const { usage } of body.tasks) {
      sums.input_tokens += usage?.input_tokens ?? 0
      sums.output_tokens += usage?.output_tokens ?? 0
    }
    cursor = body.next_cursor
  } while (cursor)
  interface Sums extends Record<string, unknown> {
    by_day: Record<string, typeof sums>
    by_type: Record<string, typeof sums>
  }
  for (const hours of [24, 200]) {
    const { body } = await client.get<Sums>(`/usage?hours=${hours}`)
    expect(body).toMatchObject(sums)
    for (const by of [body.by_day, body.by_type])
      expect(Object.values(by).reduce((sum, use) => sum + use.input_tokens, 0)).toBe(sums.input_tokens)
  }
}

describe('counts', () => {
  it('stats and usage equal the sums over the tasks', async () => {
    interface Counts {
      counts: Record<string, number>
      success_rate: number
      run_seconds: { p50: number }
      is_partial: boolean
    }
    // The follow-ups of an end come shortly after it.
    const stats = await vi.waitFor(
      async () => {
        const { body } = await client.get<Counts>('/stats?hours=1')
        expect(body.counts).not.toHaveProperty('PROCESSING')
        // Ten tasks failed, were run again, and failed again: each end counts.
        expect(body.counts.FAILED).toBe(20)
        return body
      },
      { timeout: 20_000, interval: 500 },
    )
    expect(stats.counts.COMPLETED).toBeGreaterThanOrEqual(14)
    expect(stats.success_rate).toBeCloseTo(
      (stats.counts.COMPLETED ?? 0) / ((stats.counts.COMPLETED ?? 0) + 20),
      5,
    )
    expect(stats.run_seconds.p50).toBeGreaterThan(0)
    expect(stats.is_partial).toBe(false)
    const { body: usage } = await client.get<{
      input_tokens: number
      by_model: Record<
        string,
        { tasks: number; input_tokens: number; provider: string; cost_usd: number | null }
      >
    }>('/usage')
    expect(usage.by_model['stub-50']).toEqual({
      tasks: 12,
      input_tokens: 84,
      output_tokens: 36,
      cost_usd: null,
      saved_usd: 0,
      provider: 'openai',
    })
    await expectSums()
    expect((await client.get('/stats?hours=0')).status).toBe(422)
  })

  it('every lane is in the list of queues', async () => {
    const { body } = await client.get<{ queues: Lane[] }>('/queues')
    expect(body.queues.map(({ lane }) => lane)).toEqual(LANES)
  })
})

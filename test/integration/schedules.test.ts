import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

const task = { type: 'example.add', input: { x: 1, y: 2 } }
let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
beforeAll(async () => {
  running = await startTestRuntime({
    SCHEDULES: JSON.stringify({ hourly: { everySeconds: 3_600, task }, often: { everySeconds: 4, task } }),
  })
  client = new Client(running.url)
})
afterAll(() => running.stop())

interface Shown {
  readonly id: string
  readonly in_words: string
  readonly next_times: readonly string[]
  readonly fired: number
  readonly paused: boolean
  readonly last_task_id: string | null
}
const make = async (body: object) => {
  const answer = await client.post('/schedules', body)
  expect([answer.status, answer.body]).toEqual([201, expect.anything()])
  return answer.body as unknown as Shown
}
const look = async (id: string) => (await client.get(`/schedules/${id}`)).body as unknown as Shown

describe('schedules on the running product', () => {
  it('show their next five times, and their meaning in words', async () => {
    const { id, ...made } = await make({ cron: '0 9 * * MON-FRI', timezone: 'Europe/Berlin', task })
    expect(made.in_words).toBe('At 09:00, Monday through Friday (Europe/Berlin)')
    expect(made.next_times).toHaveLength(5)
    const patched = await client.call<Shown>('PATCH', `/schedules/${id}`, { rate_seconds: 3_600 })
    expect(patched.body).toMatchObject({
      in_words: 'Every hour',
      cron: null,
      rate_seconds: 3_600,
      timezone: null,
    })
    expect((await client.post(`/schedules/${id}/pause`)).body).toMatchObject({ paused: true, next_times: [] })
    expect((await client.post(`/schedules/${id}/resume`)).body).toMatchObject({ paused: false })
    const now = await client.post(`/schedules/${id}/run`)
    expect(now.status).toBe(202)
    expect((await client.done(now.body.id)).result).toBe(3)
    const page = (await client.get('/schedules')).body as unknown as { schedules: Shown[] }
    expect(page.schedules.map((one) => one.id)).toContain(id)
    expect((await client.call('DELETE', `/schedules/${id}`)).status).toBe(204)
    expect((await client.get(`/schedules/${id}`)).status).toBe(404)
  })

  it('run at their planned second: each task begins at its planned time', async () => {
    const { id } = await make({ rate_seconds: 5, overlap: 'allow', task })
    await expect.poll(async () => (await look(id)).fired, { timeout: 90_000 }).toBeGreaterThan(2)
    const { last_task_id } = await look(id)
    const done = await client.done(last_task_id ?? '')
    expect(done).toMatchObject({ status: 'COMPLETED', result: 3 })
    // Never before its time; how soon after depends on the machine.
    const runAt = (done as unknown as { run_at: string }).run_at
    expect(Date.parse(done.started_at ?? '')).toBeGreaterThanOrEqual(Date.parse(runAt))
    const told = await client.get<{ message: string; facts: object }>(`/tasks/${last_task_id}/explain`)
    expect(told.body.message).toContain(`The schedule ${id} planned it for ${runAt}`)
    expect(told.body.facts).toMatchObject({ schedule: id, planned_at: runAt })
    await client.call('DELETE', `/schedules/${id}`)
  })

  it('of the stage’s file are made by the sweeper, run, are shown, and cannot be changed by the API', async () => {
    const id = 'stage-often'
    await expect
      .poll(async () => (await client.get(`/schedules/${id}`)).status, { timeout: 90_000 })
      .toBe(200)
    await expect.poll(async () => (await look(id)).fired, { timeout: 90_000 }).toBeGreaterThan(0)
    const shown = await look(id)
    expect(shown).toMatchObject({ name: 'often', source: 'stage', in_words: 'Every 4 seconds' })
    expect(shown.next_times).toHaveLength(5)
    expect(await client.done(shown.last_task_id ?? '')).toMatchObject({ status: 'COMPLETED', result: 3 })
    const page = (await client.get('/schedules')).body as unknown as { schedules: Shown[] }
    expect(page.schedules.map((one) => one.id)).toEqual(expect.arrayContaining([id, 'stage-hourly']))
    for (const [method, path, body] of [
      ['PATCH', '', { rate_seconds: 60 }],
      ['DELETE', '', undefined],
      ['POST', '/pause', {}],
      ['POST', '/resume', {}],
    ] as const) {
      const answer = await client.call<{ detail: string }>(method, `/schedules/${id}${path}`, body)
      expect([method, path, answer.status]).toEqual([method, path, 409])
      expect(answer.body.detail).toContain('change it in the stage')
    }
  })

  it('of every stage clean up each day, by a task whose worker invokes another function', async () => {
    const id = 'stage-cleanup'
    await expect
      .poll(async () => (await client.get(`/schedules/${id}`)).status, { timeout: 90_000 })
      .toBe(200)
    expect(await look(id)).toMatchObject({ name: 'cleanup', in_words: 'At 02:00 (UTC)', source: 'stage' })
    const now = await client.post(`/schedules/${id}/run`)
    expect(now.status).toBe(202)
    expect(await client.done(now.body.id)).toMatchObject({
      type: 'maintenance.cleanup',
      status: 'COMPLETED',
      result: { tasks: 0, uploads: 0, objects: 0, failed: 0 },
    })
  })

  it.each([
    [{ task }, 'must have exactly one of cron, rate_seconds, at, not 0'],
    [{ cron: '0 9 * * *', rate_seconds: 5, task }, 'not 2'],
    [{ cron: '0 25 * * *', task }, 'hour'],
    [{ cron: '0 9 * * *', timezone: 'Mars/Olympus', task }, 'is not an IANA time zone'],
    [{ at: '2020-01-01T00:00:00Z', task }, 'never fires'],
    [{ rate_seconds: 60, task: { type: 'example.add', input: { x: 'one', y: 2 } } }, 'task.input.x'],
    [{ rate_seconds: 60, task: { ...task, delay_seconds: 5 } }, 'task.delay_seconds'],
    [{ rate_seconds: 60, task: { ...task, deadline: '2030-01-31T09:00:00Z' } }, 'task.deadline'],
    [{ rate_seconds: 0, task }, 'rate_seconds'],
    [
      { rate_seconds: 60, task: { prompt: 'x'.repeat(150_000), model: 'simulated-fast' } },
      'a schedule holds at most 150000',
    ],
  ])('what is wrong is said with its place (%#)', async (body, message) => {
    const answer = await client.post('/schedules', body)
    expect(answer.status).toBe(422)
    expect(JSON.stringify(answer.body)).toContain(message)
  })
})

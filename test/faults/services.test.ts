import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TaskView } from '../fixtures/client.ts'
import type { Fault, FaultProxy } from './kit/fault-proxy.ts'
import { type HarmedWorld, startHarmedWorld } from './kit/harmed-world.ts'
import { SEED } from './kit/seeded.ts'

const SHARE = Number(process.env.FAULT_SHARE ?? 0.15)
const TASKS = 60

let world: HarmedWorld

beforeAll(async () => {
  world = await startHarmedWorld({ seed: SEED, share: SHARE })
})
afterAll(() => world.stop())

it(`a table and queues that keep failing (seed ${SEED}): nothing lost, nothing doubled, nothing stuck`, async () => {
  const { client } = world
  /** As a caller should: repeats the request with the same idempotency key until there is an answer. */
  const submit = async (body: object, key: string): Promise<TaskView> => {
    for (let round = 0; round < 20; round += 1) {
      const { status, body: task, headers } = await client.post('/tasks', body, { 'idempotency-key': key })
      if (status === 202) return task
      // The only allowed refusal; it says when to repeat the request.
      expect(status, JSON.stringify(task)).toBe(503)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`${key} was never accepted`)
  }
  const prompts = Array.from({ length: TASKS }, (_, index) => `faulty ${index}`)
  // One call in six fails, each with a different model (`1x`, `01x`, …): three failures of one model open its circuit, which
  // delays the other tasks for minutes.
  const model = (index: number) =>
    index % 6 === 0 ? `stub-500-${'1'.padStart(index / 6 + 1, '0')}x` : 'stub-50'
  const tasks = await Promise.all(
    prompts.map((prompt, index) => submit({ prompt, model: model(index) }, prompt)),
  )
  expect(new Set(tasks.map(({ id }) => id)).size).toBe(TASKS)

  const read = async (id: string): Promise<TaskView | undefined> => {
    const { status, body } = await client.get(`/tasks/${id}`)
    expect([200, 503]).toContain(status)
    return status === 200 ? body : undefined
  }
  const isOver = (task: TaskView | undefined) => task?.status === 'COMPLETED' || task?.status === 'FAILED'
  const harmUntil = Date.now() + 20_000
  const end = Date.now() + 200_000
  let rows: (TaskView | undefined)[] = []
  while (!rows.length || !rows.every(isOver)) {
    if (Date.now() > end) break
    if (Date.now() > harmUntil) world.harmed.heal()
    // The timer would start it once a minute.
    await world.harmed.sweep().catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    rows = await Promise.all(tasks.map(({ id }) => read(id)))
  }
  expect(rows.filter((row) => !isOver(row))).toEqual([])
  for (const [index, row] of rows.entries()) {
    expect(row, prompts[index]).toMatchObject({ status: 'COMPLETED', result: `echo: ${prompts[index]}` })
    // An attempt may be paid for without a stored result, but there are never more calls than attempts.
    expect(world.server.callsOf(prompts[index] ?? '').length).toBeLessThanOrEqual(row?.attempts ?? 0)
  }
  const harm = [world.harmed.dynamo, world.harmed.sqs].map(({ done }) =>
    Object.values(done).reduce((sum, count) => sum + count, 0),
  )
  // A run without faults proves nothing.
  for (const count of harm) expect(count).toBeGreaterThan(10)
}, 260_000)

describe('a service that is down completely', () => {
  const isDown = (proxy: FaultProxy, faults: readonly Fault[]) => proxy.set(1, undefined, faults)

  it.each([
    ['throttles everything', ['throttled']],
    ['answers 500', ['broken']],
    ['resets every connection', ['reset']],
    ['does not answer at all', ['timeout']],
  ] as const)('the table %s: 503 with Retry-After, and no partial write', async (_name, faults) => {
    const { client } = world
    world.harmed.heal()
    isDown(world.harmed.dynamo, faults)
    const refused = await client.post<{ code: string }>(
      '/tasks',
      { prompt: 'x' },
      { 'idempotency-key': 'once' },
    )
    expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await client.get('/tasks')).status).toBe(503)
    world.harmed.heal()
    const { body } = await client.get<{ tasks: TaskView[] }>(`/tasks?tag=${faults[0]}`)
    expect(body.tasks).toEqual([])
  })

  it('the queues are down: tasks are still accepted, and the sweeper sends them when the queues are back', async () => {
    const { client } = world
    world.harmed.heal()
    isDown(world.harmed.sqs, ['broken', 'reset'])
    const { id, status } = await client.submit({ type: 'example.add', input: { x: 1, y: 1 } })
    expect(status).toBe('PENDING')
    world.harmed.heal()
    await world.harmed.sweep()
    expect(await client.done(id)).toMatchObject({ status: 'COMPLETED', result: 2, attempts: 1 })
  })

  it('the bucket is down: a large input is refused, a small one is not', async () => {
    const { client } = world
    world.harmed.heal()
    isDown(world.harmed.s3, ['broken'])
    expect((await client.post('/tasks', { prompt: 'x'.repeat(20_000) })).status).toBe(503)
    expect((await client.post('/tasks', { prompt: 'x', model: 'simulated-fast' })).status).toBe(202)
    world.harmed.heal()
  })
})

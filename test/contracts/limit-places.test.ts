import { afterAll, describe, expect, it } from 'vitest'
import { DynamoLimitPlaces } from '../../functions/core/adapters/dynamodb/limit-places.ts'
import { openOwnedLimit } from '../../functions/core/application/limits/limit-owned.ts'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { openRunningLimit } from '../../functions/core/application/shared/limit-running.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import { TaskError } from '../../functions/core/domain/errors.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import type { LimitPlaces } from '../../functions/core/ports/limit-places.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { startLocalTable } from '../fixtures/local-table.ts'
import { MemoryMeter } from '../fixtures/memory-meter.ts'
import { MemoryPlaces } from '../fixtures/memory-places.ts'
import type { MemoryStore } from '../fixtures/memory-store.ts'
import { type Death, Life } from '../fixtures/mortal.ts'
import { ManualClock, makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const [dynalite, local] = await Promise.all([startDynalite(), startLocalTable()])
afterAll(() => Promise.all([dynalite.stop(), local.stop()]))
const NOW = 1_800_000_000_000

const KINDS: Record<string, () => Promise<LimitPlaces>> = {
  'in memory': async () => new MemoryPlaces(),
  'in the local table': async () => new DynamoLimitPlaces(local.documents, await local.createTable()),
  'in the table': async () => new DynamoLimitPlaces(dynalite.documents, await dynalite.createTable()),
}
const placed = (id: string, since = NOW) => ({ id, since })
const many = (count: number, prefix = 'w') =>
  Array.from({ length: count }, (_, index) => placed(`${prefix}${index}`, NOW + index))

describe.each(Object.entries(KINDS))('places of a tenant %s', (_name, open) => {
  it('are taken by exactly as many of 100 callers as there are places, once each, and can be returned', async () => {
    const places = await open()
    const all = many(100)
    const answers = await Promise.all(all.map((one) => places.take('acme', 'workflows', one, 17)))
    const inside = all.filter((_, index) => answers[index] === undefined)
    expect(inside).toHaveLength(17)
    const refused = answers.find((answer) => answer !== undefined)
    expect(refused?.taken).toEqual(inside)
    const [first, second] = inside as [(typeof all)[number], (typeof all)[number]]
    expect(await places.take('acme', 'workflows', first, 17)).toBeUndefined()
    expect((await places.leave('acme', 'workflows', [first])).taken).toEqual(inside.slice(1))
    expect((await places.leave('acme', 'workflows', [first])).taken).toEqual(inside.slice(1))
    expect(await places.take('acme', 'workflows', placed('next'), 17)).toBeUndefined()
    expect((await places.take('acme', 'workflows', placed('late'), 17))?.taken).toHaveLength(17)
    // Places of another tenant or another limit are separate.
    expect(await places.take('else', 'workflows', second, 1)).toBeUndefined()
    expect(await places.take('acme', 'schedules', second, 1)).toBeUndefined()
    expect(await places.leave('nobody', 'running', [second])).toEqual({ taken: [], waiting: [] })
  })

  it('include the items that existed before the first write', async () => {
    const places = await open()
    const known = many(3, 'old')
    const all = many(100)
    const answers = await Promise.all(all.map((one) => places.take('acme', 'schedules', one, 10, known)))
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(7)
  })

  it('have a queue, oldest first, that each caller leaves once', async () => {
    const places = await open()
    await places.take('acme', 'running', placed('runs'), 1)
    const line = [placed('c', NOW + 3), placed('a', NOW + 1), placed('b', NOW + 2)]
    for (const one of line) expect(await places.take('acme', 'running', one, 1)).toBeDefined()
    for (const one of line) await places.wait('acme', 'running', one)
    const seen = await places.leave('acme', 'running', [placed('runs')])
    expect(seen).toEqual({ taken: [], waiting: [line[1], line[2], line[0]] })
    const called = await Promise.all(
      [1, 2, 3].map(() => places.call('acme', 'running', placed('a', NOW + 1))),
    )
    expect(called.filter(Boolean)).toHaveLength(1)
    expect(await places.take('acme', 'running', placed('b', NOW + 2), 1)).toBeUndefined()
    expect((await places.wait('acme', 'running', placed('d'))).waiting.map(({ id }) => id)).toEqual([
      'd',
      'c',
    ])
  })
})

describe('the number of a tenant’s workflows and schedules', () => {
  const limitsOf = async () => ({ schedules: 2, workflows: 2 })

  it('is limited with an error that names the limit; an item that ended frees its place without a write', async () => {
    const clock = new ManualClock(NOW)
    const ended = new Set<string>()
    const places = new MemoryPlaces()
    const limit = openOwnedLimit({ places, limitsOf, clock }, 'workflows', async ({ id }) => !ended.has(id))
    await limit.take('acme', placed('a'))
    await limit.take('acme', placed('b'))
    await expect(limit.take('acme', placed('c'))).rejects.toMatchObject({
      code: 'limit_reached',
      retryAfterMs: 5_000,
      detail: { rateLimit: '"workflows";r=0;t=5', rateLimitPolicy: '"workflows";q=2' },
    })
    ended.add('a')
    // The place is taken before the row is written, so a new place without a row still counts.
    await expect(limit.take('acme', placed('c'))).rejects.toMatchObject({ code: 'limit_reached' })
    await clock.advance(61_000)
    await limit.take('acme', placed('c', clock.now()))
    await expect(limit.take('acme', placed('d', clock.now()))).rejects.toMatchObject({
      code: 'limit_reached',
    })
    await limit.leave('acme', placed('b'))
    await limit.take('acme', placed('d', clock.now()))
  })

  it('causes no call where there is no limit', async () => {
    const places = new Proxy({} as LimitPlaces, {
      get: (_target, name) => () => Promise.reject(new Error(`asked ${String(name)}`)),
    })
    const needs = { places, limitsOf: async () => ({}), clock: new ManualClock(NOW) }
    const limit = openOwnedLimit(needs, 'schedules', () => Promise.reject(new Error('asked')))
    await limit.take('acme', placed('a'))
    await limit.leave('acme', placed('a'))
  })
})

describe('the running tasks of a tenant', () => {
  function open(most: number | null = 2, run?: (context: never) => Promise<unknown>) {
    const running = new Set<string>()
    let peak = 0
    const order: string[] = []
    const world = makeWorld(
      run ??
        (async ({ taskId, sleep }: { taskId: string; sleep: (ms: number) => Promise<void> }) => {
          running.add(taskId)
          peak = Math.max(peak, running.size)
          order.push(taskId)
          await sleep(1_000)
          running.delete(taskId)
        }),
    )
    const places = new MemoryPlaces()
    const meter = new MemoryMeter()
    const limitOf = (ports: { places: LimitPlaces; store: typeof world.store }) =>
      openRunningLimit({
        ...world,
        ...ports,
        meter,
        limitsOf: async () => ({ runningTasks: most ?? undefined }),
      })
    const worker = { ...world.worker, slots: 10, runningLimit: limitOf({ places, store: world.store }) }
    const submit = async (count: number, more: object = {}) => {
      const tasks: Task[] = []
      for (let index = 0; index < count; index += 1) {
        tasks.push((await submitTask(world, { ...SUBMISSION, ...more })).task)
        await world.clock.advance(1)
      }
      return tasks
    }
    const poll = async (times: number, by: typeof worker = worker) => {
      for (let index = 0; index < times; index += 1) {
        void pollLane(world, { worker: by }).batch.catch(() => undefined)
        await world.clock.advance(1_100)
      }
    }
    const minute = async () => {
      await world.clock.advance(60_000)
      await sweep(world as never, world.clock.now() + 60_000)
      await poll(10)
    }
    const rows = () => [...(world.store as MemoryStore).rows.values()] as Task[]
    const seen = () => places.leave('acme', 'running', [placed('nobody')])
    return { world, places, limitOf, worker, submit, poll, minute, rows, seen, order, peak: () => peak }
  }

  it('never exceed the limit; the others wait in order, use up no attempt, and are started when one ends', async () => {
    const { submit, poll, rows, order, peak, seen } = open()
    const tasks = await submit(8)
    // Without any sweep.
    await poll(8)
    expect(rows().map(({ status, attempt }) => [status, attempt])).toEqual(rows().map(() => ['COMPLETED', 1]))
    expect(peak()).toBe(2)
    expect(order).toEqual(tasks.map(({ id }) => id))
    expect(await seen()).toEqual({ taken: [], waiting: [] })
  })

  it('do not delay another tenant', async () => {
    const { submit, poll, rows } = open(1)
    await submit(5)
    const [other] = await submit(1, { tenant: 'quiet' })
    await poll(1)
    expect(rows().find(({ id }) => id === other?.id)?.status).toBe('COMPLETED')
  })

  it('free their place when they fail, wait for another attempt, or are cancelled', async () => {
    let calls = 0
    const { world, submit, poll, rows, seen } = open(1, async () => {
      calls += 1
      if (calls === 1) throw new TaskError('again', { retry: 'counted' })
      if (calls === 2) throw new TaskError('no')
      return 'done'
    })
    const tasks = await submit(4)
    await cancelTask(world, tasks[3] as Task)
    await poll(8)
    expect(
      rows()
        .map(({ status }) => status)
        .toSorted(),
    ).toEqual(['CANCELLED', 'COMPLETED', 'COMPLETED', 'FAILED'])
    expect((await seen()).taken).toEqual([])
  })

  it('are not counted where there is no limit', async () => {
    const { submit, poll, rows, peak, seen } = open(null)
    await submit(5)
    await poll(1)
    expect([peak(), rows().map(({ status }) => status)]).toEqual([5, rows().map(() => 'COMPLETED')])
    expect(await seen()).toEqual({ taken: [], waiting: [] })
  })

  const deaths = Array.from({ length: 14 }, (_, index) =>
    [true, false].map((isApplied) => ({ atCall: index + 1, isApplied })),
  ).flat()
  it.each(deaths)(
    'a worker that dies at call $atCall, applied: $isApplied: all tasks end, and every place is free again',
    async (death: Death) => {
      const { world, worker, limitOf, places, submit, poll, minute, rows, seen } = open(1)
      await submit(3)
      const life = new Life(death, world.clock.sleep)
      const store = life.wrap(world.store)
      const mortal = {
        ...worker,
        store,
        followUps: world.followUpsOf({ store, turns: world.turns }),
        runningLimit: limitOf({ places: life.wrap(places), store }),
      }
      await poll(3, mortal)
      for (let round = 0; round < 8; round += 1) await minute()
      expect(rows().map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED'])
      // The next caller gets the place of a caller that has ended.
      await world.clock.advance(120_000)
      await submit(1)
      for (let round = 0; round < 3; round += 1) await minute()
      expect(rows().map(({ status }) => status)).toEqual(rows().map(() => 'COMPLETED'))
      expect((await seen()).waiting).toEqual([])
    },
  )
})

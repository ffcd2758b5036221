import { afterAll, describe, expect, it } from 'vitest'
import { DynamoTenantMeter } from '../../functions/core/adapters/dynamodb/tenant-meter.ts'
import { admitTask } from '../../functions/core/application/submit/admit-task.ts'
import type { TenantLimits } from '../../functions/core/domain/limits.ts'
import type { TenantMeter } from '../../functions/core/ports/tenant-meter.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { startLocalTable } from '../fixtures/local-table.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { MemoryMeter } from '../fixtures/memory-meter.ts'
import { MemoryStore } from '../fixtures/memory-store.ts'
import { ManualClock } from '../fixtures/world.ts'

const [dynalite, local] = await Promise.all([startDynalite(), startLocalTable()])
afterAll(() => Promise.all([dynalite.stop(), local.stop()]))
/** 23:59:50 UTC. */
const NOW = Date.parse('2026-11-25T23:59:50Z')

/** Two processes, each with its own cache. */
const KINDS: Record<string, () => Promise<readonly TenantMeter[]>> = {
  'in memory': async () => {
    const meter = new MemoryMeter()
    return [meter, meter]
  },
  'in the local table': async () => {
    const table = await local.createTable()
    return [1, 2].map(() => new DynamoTenantMeter(local.documents, table))
  },
  'in the table': async () => {
    const table = await dynalite.createTable()
    return [1, 2].map(() => new DynamoTenantMeter(dynalite.documents, table))
  },
}

const ids = (count: number, prefix = 'task') =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)

describe.each(Object.entries(KINDS))('limits of a tenant %s', (_name, open) => {
  async function makeGate(limits: TenantLimits) {
    const clock = new ManualClock(NOW)
    const store = new MemoryStore(clock.now)
    const meters = await open()
    const [first] = meters as [TenantMeter]
    let turn = 0
    const admit = async (id: string, worstMicroUsd = 0, tenant = 'acme') => {
      turn += 1
      const meter = meters[turn % 2] as TenantMeter
      const task = { tenant, id, model: worstMicroUsd ? 'gpt-4o' : null, worstMicroUsd }
      return admitTask({ meter, store, limits, clock, log: () => undefined }, task)
    }
    const countOf = async (ids: readonly string[], worst = 0) => {
      const answers = await Promise.allSettled(ids.map((id) => admit(id, worst)))
      return answers.filter(({ status }) => status === 'fulfilled').length
    }
    const settle = (
      id: string,
      held: Awaited<ReturnType<typeof admit>>,
      spentMicroUsd = 0,
      at = clock.now(),
    ) => first.settle('acme', { id, held: held ?? { at: 0 }, spentMicroUsd }, at)
    return { clock, store, admit, countOf, settle, meter: first }
  }

  it('of 100 callers at once exactly as many are accepted as there are places', async () => {
    const gate = await makeGate({ openTasks: 17 })
    expect(await gate.countOf(ids(100))).toBe(17)
    await expect(gate.admit('late')).rejects.toMatchObject({
      code: 'limit_reached',
      detail: { rateLimit: '"open_tasks";r=0;t=5', rateLimitPolicy: '"open_tasks";q=17' },
    })
    expect(await gate.admit('late', 0, 'other')).toEqual({ at: NOW })
  })

  it('of 100 callers at once exactly as many are accepted as may be queued, and each start frees one place', async () => {
    const gate = await makeGate({ openTasks: 30, queuedTasks: 17 })
    const all = ids(100)
    const answers = await Promise.allSettled(all.map((id) => gate.admit(id)))
    const inside = all.filter((_, index) => answers[index]?.status === 'fulfilled')
    expect(inside).toHaveLength(17)
    await expect(gate.admit('late')).rejects.toMatchObject({
      code: 'limit_reached',
      detail: { rateLimit: '"queued_tasks";r=0;t=5', rateLimitPolicy: '"queued_tasks";q=17' },
    })
    const [first = '', second = ''] = inside
    await gate.meter.begin('acme', first)
    await gate.meter.begin('acme', first)
    await gate.meter.begin('acme', 'nobody')
    await gate.meter.begin('nobody', first)
    expect(await gate.countOf(ids(5, 'next'))).toBe(1)
    // A task that ends without a start also frees its place.
    await gate.settle(second, { at: NOW })
    expect(await gate.countOf(ids(5, 'more'))).toBe(1)
    expect(await gate.meter.totals('acme', NOW)).toMatchObject({ openTasks: 18, queuedTasks: 17 })
    // Tasks that have started free places in the queue until all places are taken.
    for (const id of inside.slice(2)) await gate.meter.begin('acme', id)
    expect(await gate.countOf(ids(30, 'last'))).toBe(12)
  })

  it('a place is returned once, however often that is requested', async () => {
    const gate = await makeGate({ openTasks: 2 })
    const held = await gate.admit('a')
    expect(await gate.countOf(['b', 'c'])).toBe(1)
    await gate.settle('a', held)
    await gate.settle('a', held)
    expect(await gate.countOf(ids(5, 'next'))).toBe(1)
  })

  it('a caller that has a place keeps it, and takes no second one', async () => {
    const gate = await makeGate({ openTasks: 1, submitsPerMinute: 1 })
    const held = await gate.admit('same')
    await gate.clock.advance(5)
    expect(await gate.admit('same')).toEqual(held)
    await expect(gate.admit('other')).rejects.toMatchObject({ code: 'limit_reached' })
  })

  it('of 100 callers at once exactly the burst is accepted, then one per interval', async () => {
    const gate = await makeGate({ submitsPerMinute: 60, burst: 10 })
    expect(await gate.countOf(ids(100))).toBe(10)
    await expect(gate.admit('late')).rejects.toMatchObject({
      retryAfterMs: 1_000,
      detail: { rateLimitPolicy: '"submits";q=10;w=60' },
    })
    await gate.clock.advance(3_000)
    expect(await gate.countOf(ids(100, 'later'))).toBe(3)
    await gate.clock.advance(60_000)
    expect(await gate.countOf(ids(100, 'last'))).toBe(10)
  })

  it('a rate whose interval is not finite as a number accepts as many as it states', async () => {
    const gate = await makeGate({ submitsPerMinute: 17 })
    expect(await gate.countOf(ids(100))).toBe(17)
  })

  it('places of callers that died, or whose task has ended, are found when none is free', async () => {
    const gate = await makeGate({ openTasks: 3 })
    const held = { at: NOW }
    await gate.store.create(makeTask(NOW, { id: 'running', held }))
    await gate.store.create(makeTask(NOW, { id: 'ended', status: 'COMPLETED', held }))
    expect(await gate.countOf(['running', 'ended', 'orphan'])).toBe(3)
    expect(await gate.countOf(['early'])).toBe(0)
    await gate.clock.advance(61_000)
    expect(await gate.countOf(ids(5, 'next'))).toBe(2)
  })

  it('200 submits at once reserve no cent more than the budget, and the error states what is left', async () => {
    const gate = await makeGate({ budget: { usdPerDay: 1 } })
    expect(await gate.countOf(ids(200), 30_000)).toBe(33)
    await expect(gate.admit('late', 30_000)).rejects.toMatchObject({
      code: 'budget_exhausted',
      detail: {
        budget: {
          limit: 'usd_per_day',
          limit_usd: 1,
          spent_usd: 0,
          held_usd: 0.99,
          left_usd: 0.01,
          needed_usd: 0.03,
        },
      },
    })
    expect(await gate.countOf(['small'], 10_000)).toBe(1)
    expect(await gate.admit('free')).toBeUndefined()
  })

  it('the cost of a task replaces its reservation, once', async () => {
    const gate = await makeGate({ budget: { usdPerDay: 1, usdPerMonth: 5 } })
    const held = await gate.admit('a', 800_000)
    expect(await gate.countOf(['b'], 300_000)).toBe(0)
    await Promise.all([1, 2, 3].map(() => gate.settle('a', held, 100_000)))
    expect(await gate.meter.totals('acme', NOW)).toEqual({
      day: '2026-11-25',
      month: '2026-11',
      heldMicroUsd: 0,
      dayMicroUsd: 100_000,
      monthMicroUsd: 100_000,
      openTasks: 0,
      queuedTasks: 0,
    })
    // The task's next epoch has a reservation of its own, which the end of the first does not change.
    await gate.clock.advance(10)
    const again = await gate.admit('a', 800_000)
    await gate.settle('a', held, 100_000)
    expect(again).toMatchObject({ microUsd: 800_000 })
    expect(await gate.meter.totals('acme', NOW)).toMatchObject({ heldMicroUsd: 800_000, openTasks: 1 })
  })

  it('a day begins with the open reservations, whichever clock sees their ends', async () => {
    const gate = await makeGate({ budget: { usdPerDay: 1.2, usdPerMonth: 1.5 } })
    const [a, b] = [await gate.admit('a', 500_000), await gate.admit('b', 500_000)]
    await gate.settle('a', a, 400_000)
    await gate.clock.advance(20_000)
    // A restart on the new day runs at the same time as an end with a clock that is behind.
    const [c] = await Promise.all([gate.admit('c', 500_000), gate.settle('b', b, 300_000, NOW)])
    expect(await gate.meter.totals('acme', gate.clock.now())).toMatchObject({
      day: '2026-11-26',
      heldMicroUsd: 500_000,
    })
    const { dayMicroUsd = 0, monthMicroUsd } = (await gate.meter.totals('acme', gate.clock.now())) ?? {}
    // The cost of that end is in exactly one of the two days.
    expect([500_000, 800_000]).toContain(dayMicroUsd)
    expect(monthMicroUsd).toBe(1_200_000)
    await expect(gate.admit('d', 400_000)).rejects.toMatchObject({
      detail: { budget: { limit: 'usd_per_month' } },
    })
    await gate.settle('c', c, 0)
    expect(await gate.countOf(['d'], 400_000)).toBe(1)
    expect((await gate.meter.totals('acme', gate.clock.now()))?.monthMicroUsd).toBe(1_100_000)
  })

  it('a month begins with the open reservations', async () => {
    const gate = await makeGate({ budget: { usdPerMonth: 1 } })
    const held = await gate.admit('a', 900_000)
    if (held) await gate.store.create(makeTask(NOW, { id: 'a', held }))
    expect(await gate.countOf(['b'], 200_000)).toBe(0)
    await gate.clock.advance(6 * 86_400_000)
    expect(await gate.countOf(['b'], 200_000)).toBe(0)
    await gate.settle('a', held, 900_000)
    expect(await gate.countOf(['b'], 100_000)).toBe(1)
    await gate.clock.advance(86_400_000)
    expect((await gate.meter.totals('acme', gate.clock.now()))?.monthMicroUsd).toBe(1_000_000)
  })

  it('the reservation of a submit that died before its row was written is released', async () => {
    const gate = await makeGate({ budget: { usdPerDay: 1 } })
    expect(await gate.countOf(['died'], 1_000_000)).toBe(1)
    expect(await gate.countOf(['next'], 500_000)).toBe(0)
    await gate.clock.advance(61_000)
    expect(await gate.countOf(['next'], 500_000)).toBe(1)
  })

  it('limits that are off cost nothing', async () => {
    const clock = new ManualClock(NOW)
    const asked = () => Promise.reject(new Error('asked'))
    const meter = { take: asked, settle: asked, begin: asked, totals: asked }
    const store = new MemoryStore(clock.now)
    const needs = { meter, store, clock, log: () => undefined }
    const task = { tenant: 'acme', id: 'a', model: null }
    expect(await admitTask({ ...needs, limits: {} }, task)).toBeUndefined()
    expect(await admitTask({ ...needs, limits: { budget: { usdPerDay: 1 } } }, task)).toBeUndefined()
  })
})

it('of 10,000 submits at once not one exceeds the budget', async () => {
  const clock = new ManualClock(NOW)
  const store = new MemoryStore(clock.now)
  const meter = new MemoryMeter()
  const limits = { budget: { usdPerDay: 12.345 } }
  const answers = await Promise.allSettled(
    ids(10_000).map((id) =>
      admitTask(
        { meter, store, limits, clock, log: () => undefined },
        { tenant: 'acme', id, model: 'gpt-4o', worstMicroUsd: 10_000 },
      ),
    ),
  )
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1_234)
  expect(await meter.totals('acme', NOW)).toMatchObject({ dayMicroUsd: 12_340_000 })
})

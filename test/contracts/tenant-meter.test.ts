import { afterAll, describe, expect, it } from 'vitest'
import { DynamoTenantMeter } from '../../functions/core/adapters/dynamodb/tenant-meter.ts'
import { admitTask } from '../../functions/core/application/submit/admit-task.ts'
import type { TenantLimits } from '../../functions/core/domain/limits.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { MemoryStore } from '../fixtures/memory-store.ts'
import { ManualClock } from '../fixtures/world.ts'

const dynalite = await startDynalite()
afterAll(() => dynalite.stop())
const NOW = 1_800_000_000_000

async function makeGate(limits: TenantLimits) {
  const table = await dynalite.createTable()
  const clock = new ManualClock(NOW)
  const store = new MemoryStore(clock.now)
  // Two processes, each with what it remembers.
  const meters = [1, 2].map(() => new DynamoTenantMeter(dynalite.documents, table))
  let turn = 0
  const admit = (id: string, tenant = 'acme') => {
    turn += 1
    const meter = meters[turn % 2] as DynamoTenantMeter
    return admitTask({ meter, store, limits, clock }, tenant, id)
  }
  const countOf = async (ids: readonly string[]) => {
    const answers = await Promise.allSettled(ids.map((id) => admit(id)))
    return answers.filter(({ status }) => status === 'fulfilled').length
  }
  return { clock, store, admit, countOf, release: (id: string) => meters[0]?.release('acme', id) }
}
const ids = (count: number, prefix = 'task') =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)

describe('limits of a tenant', () => {
  it('of 100 callers at once exactly as many get in as there are places', async () => {
    const gate = await makeGate({ openTasks: 17 })
    expect(await gate.countOf(ids(100))).toBe(17)
    await expect(gate.admit('late')).rejects.toMatchObject({
      code: 'limit_reached',
      detail: { rateLimit: '"open_tasks";r=0;t=5', rateLimitPolicy: '"open_tasks";q=17' },
    })
    expect(await gate.admit('late', 'other')).toBe(true)
  })

  it('a place is given back once, however often that is done', async () => {
    const gate = await makeGate({ openTasks: 2 })
    expect(await gate.countOf(['a', 'b', 'c'])).toBe(2)
    const [held] = ['a', 'b', 'c']
    await gate.release(held ?? '')
    await gate.release(held ?? '')
    expect(await gate.countOf(ids(5, 'next'))).toBe(1)
  })

  it('who has a place keeps it, and takes no second', async () => {
    const gate = await makeGate({ openTasks: 1, submitsPerMinute: 1 })
    expect(await gate.admit('same')).toBe(true)
    expect(await gate.admit('same')).toBe(true)
    await expect(gate.admit('other')).rejects.toMatchObject({ code: 'limit_reached' })
  })

  it('of 100 callers at once exactly the burst gets in, then one for each interval', async () => {
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

  it('places of callers that died, or whose task has ended, are found when none is free', async () => {
    const gate = await makeGate({ openTasks: 3 })
    await gate.store.create(makeTask(NOW, { id: 'running' }))
    await gate.store.create(makeTask(NOW, { id: 'ended', status: 'COMPLETED' }))
    expect(await gate.countOf(['running', 'ended', 'orphan'])).toBe(3)
    expect(await gate.countOf(['early'])).toBe(0)
    await gate.clock.advance(61_000)
    expect(await gate.countOf(ids(5, 'next'))).toBe(2)
  })

  it('cost nothing where they are off', async () => {
    const clock = new ManualClock(NOW)
    const meter = { take: () => Promise.reject(new Error('asked')), release: async () => undefined }
    const store = new MemoryStore(clock.now)
    expect(await admitTask({ meter, store, limits: {}, clock }, 'acme', 'a')).toBe(false)
  })
})

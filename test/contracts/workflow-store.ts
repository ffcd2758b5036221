import { describe, expect, it } from 'vitest'
import type { Schedule } from '../../functions/core/domain/schedule.ts'
import type { Workflow } from '../../functions/core/domain/workflow/workflow.ts'
import type { ScheduleStore } from '../../functions/core/ports/schedule-store.ts'
import type { WorkflowStore } from '../../functions/core/ports/workflow-store.ts'

const workflow = (id: string, more: Partial<Workflow> = {}): Workflow => ({
  tenant: 'acme',
  id,
  name: id,
  status: 'RUNNING',
  epoch: 1,
  version: 1,
  plan: { json: '{}' },
  onFailure: 'fail_fast',
  nodes: { a: { status: 'WAITING' } },
  signals: {},
  tags: [],
  bodyHash: 'h',
  createdAt: 1_000,
  updatedAt: 1_000,
  dueAt: 2_000,
  ...more,
})

/** What every store of workflows must do. */
export function workflowStoreContract(
  name: string,
  open: () => Promise<{ readonly store: WorkflowStore; readonly setNow: (now: number) => void }>,
): void {
  describe(`workflows in ${name}`, () => {
    it('steps and signals may have the names of properties that every object has', async () => {
      const { store } = await open()
      const nodes = { constructor: { status: 'RUNNING' }, toString: { status: 'WAITING' } } as const
      const signals = { constructor: { at: 1, payload: { json: '{}' } } }
      const odd = workflow('w-odd', { nodes, signals } as never)
      expect(await store.create(odd)).toEqual({ created: true })
      expect(await store.get({ tenant: 'acme', id: 'w-odd' })).toEqual(odd)
      expect(await store.replace(odd, { ...odd, name: 'again' })).toBe(true)
    })

    it('a created workflow is read back unchanged; a second create returns the first', async () => {
      const { store } = await open()
      expect(await store.create(workflow('w1'))).toEqual({ created: true })
      expect(await store.get({ tenant: 'acme', id: 'w1' })).toEqual(workflow('w1'))
      const again = await store.create(workflow('w1', { name: 'other' }))
      expect(again).toMatchObject({ created: false, existing: { name: 'w1' } })
      expect(await store.get({ tenant: 'other', id: 'w1' })).toBeUndefined()
    })

    it('has no row for an id that is longer than a table key can be', async () => {
      const { store } = await open()
      expect(await store.get({ tenant: 'acme', id: 'x'.repeat(3_000) })).toBeUndefined()
    })

    it('of many concurrent replacements of one version, one succeeds', async () => {
      const { store } = await open()
      await store.create(workflow('w1'))
      const seen = (await store.get({ tenant: 'acme', id: 'w1' })) as Workflow
      const landed = await Promise.all(
        Array.from({ length: 8 }, (_, index) => store.replace(seen, { ...seen, name: `n${index}` })),
      )
      expect(landed.filter(Boolean)).toHaveLength(1)
      expect((await store.get(seen))?.version).toBe(2)
    })

    it('a field that is left out is deleted', async () => {
      const { store } = await open()
      await store.create(workflow('w1'))
      const seen = (await store.get({ tenant: 'acme', id: 'w1' })) as Workflow
      const { dueAt: _due, ...rest } = seen
      await store.replace(seen, rest)
      expect((await store.get(seen))?.dueAt).toBeUndefined()
    })

    it('a join is a set: a repeated result counts once, and a task that failed and then completed changes sides', async () => {
      const { store } = await open()
      const place = { workflow: { tenant: 'acme', id: 'w1' }, epoch: 1, node: 'a', shard: 0 }
      expect(await store.addToJoin(place, 3, true, 0)).toBe(1)
      expect(await store.addToJoin(place, 3, true, 0)).toBe(1)
      expect(await store.addToJoin(place, 4, false, 0)).toBe(2)
      expect(await store.addToJoin(place, 4, true, 0)).toBe(2)
      expect(await store.addToJoin({ ...place, shard: 1 }, 501, false, 0)).toBe(1)
      expect(await store.addToJoin({ ...place, epoch: 2 }, 7, true, 0)).toBe(1)
      expect(await store.readJoin(place, 2)).toMatchObject({
        completed: new Set([3, 4]),
        failed: new Set([501]),
      })
      expect(await store.addFullShard(place)).toBe(1)
      expect(await store.addFullShard(place)).toBe(1)
      expect(await store.addFullShard({ ...place, shard: 1 })).toBe(2)
    })

    it('a join sums the costs of its tasks, each once, and its sum is unknown when one price is unknown', async () => {
      const { store } = await open()
      const place = { workflow: { tenant: 'acme', id: 'w1' }, epoch: 1, node: 'a', shard: 0 }
      const costOf = async (shards: number) => (await store.readJoin(place, shards)).costMicroUsd
      expect(await costOf(1)).toBe(0)
      await store.addToJoin(place, 3, true, 1_200)
      await store.addToJoin(place, 3, true, 1_200)
      await store.addToJoin(place, 4, false, 50)
      expect(await costOf(1)).toBe(1_250)
      // Retried by hand: its usage is the sum of both runs.
      await store.addToJoin(place, 4, true, 80)
      await store.addToJoin({ ...place, shard: 1 }, 501, true, 7)
      expect(await costOf(2)).toBe(1_287)
      await store.addToJoin({ ...place, shard: 1 }, 502, true, null)
      expect(await costOf(2)).toBeNull()
      expect(await costOf(1)).toBe(1_280)
    })

    it('a join loses no concurrent result', async () => {
      const { store } = await open()
      const place = { workflow: { tenant: 'acme', id: 'w2' }, epoch: 1, node: 'a', shard: 0 }
      const sizes = await Promise.all(
        Array.from({ length: 50 }, (_, index) => store.addToJoin(place, index, index % 7 !== 0, 0)),
      )
      expect(Math.max(...sizes)).toBe(50)
      const join = await store.readJoin(place, 1)
      expect([join.completed.size, join.failed.size]).toEqual([42, 8])
    })

    it('lists the workflows of one tenant, newest first, page by page', async () => {
      const { store } = await open()
      for (let index = 0; index < 5; index += 1)
        await store.create(
          workflow(`w${index}`, { createdAt: index, status: index % 2 ? 'COMPLETED' : 'RUNNING' }),
        )
      await store.create(workflow('w9', { tenant: 'other' }))
      const first = await store.list('acme', {}, 3)
      expect(first.workflows.map(({ id }) => id)).toEqual(['w4', 'w3', 'w2'])
      const second = await store.list('acme', {}, 3, first.cursor)
      expect(second.workflows.map(({ id }) => id)).toEqual(['w1', 'w0'])
      expect(second.cursor).toBeUndefined()
      expect((await store.list('acme', { status: 'COMPLETED' }, 9)).workflows.map(({ id }) => id)).toEqual([
        'w3',
        'w1',
      ])
    })

    it('a workflow whose retention has ended does not exist', async () => {
      const { store, setNow } = await open()
      await store.create(workflow('w1', { ttl: 10 }))
      expect(await store.get({ tenant: 'acme', id: 'w1' })).toBeDefined()
      setNow(10_000)
      expect(await store.get({ tenant: 'acme', id: 'w1' })).toBeUndefined()
      expect(await store.create(workflow('w1'))).toEqual({ created: true })
    })
  })
}

const schedule = (id: string, more: Partial<Schedule> = {}): Schedule => ({
  tenant: 'acme',
  id,
  name: id,
  timing: { kind: 'cron', expression: '0 9 * * *', timezone: 'UTC' },
  overlap: 'skip',
  missed: 'skip',
  jitterMs: 0,
  task: '{}',
  submission: '{}',
  isPaused: false,
  source: 'api',
  createdAt: 1,
  updatedAt: 1,
  nextAt: 5_000,
  fired: 0,
  missedCount: 0,
  version: 1,
  ...more,
})

/** What every store of schedules must do. */
export function scheduleStoreContract(name: string, open: () => Promise<ScheduleStore>): void {
  describe(`schedules in ${name}`, () => {
    it('create, read, replace and remove require the version that was read', async () => {
      const store = await open()
      expect(await store.get({ tenant: 'acme', id: 'x'.repeat(1_025) })).toBeUndefined()
      expect(await store.create(schedule('a'))).toEqual({ created: true })
      expect(await store.create(schedule('a', { name: 'b' }))).toMatchObject({
        created: false,
        existing: { name: 'a' },
      })
      const seen = (await store.get({ tenant: 'acme', id: 'a' })) as Schedule
      expect(seen).toEqual(schedule('a'))
      expect(await store.replace(seen, { ...seen, name: 'c' })).toBe(true)
      expect(await store.replace(seen, { ...seen, name: 'd' })).toBe(false)
      expect(await store.remove(seen)).toBe(false)
      expect(await store.remove((await store.get(seen)) as Schedule)).toBe(true)
      expect(await store.get(seen)).toBeUndefined()
    })

    it('a list continues beyond a page of the table, which ends at 1 MB', async () => {
      const store = await open()
      const task = 'x'.repeat(300_000)
      for (const id of ['a', 'b', 'c', 'd', 'e']) await store.create(schedule(id, { task }))
      expect((await store.list('acme', 10)).schedules.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e'])
      const first = await store.list('acme', 4)
      expect(first.schedules).toHaveLength(4)
      expect((await store.list('acme', 4, first.cursor)).schedules.map(({ id }) => id)).toEqual(['e'])
    })

    it('lists only the tenant’s schedules', async () => {
      const store = await open()
      for (const id of ['c', 'a', 'b']) await store.create(schedule(id))
      await store.create(schedule('z', { tenant: 'other' }))
      const first = await store.list('acme', 2)
      expect(first.schedules.map(({ id }) => id)).toEqual(['a', 'b'])
      expect((await store.list('acme', 2, first.cursor)).schedules.map(({ id }) => id)).toEqual(['c'])
    })
  })
}

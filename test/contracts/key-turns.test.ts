import { afterAll, describe, expect, it } from 'vitest'
import { DynamoKeyTurns } from '../../functions/core/adapters/dynamodb/key-turns.ts'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import type { KeyTurns } from '../../functions/core/ports/key-turns.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { startLocalTable } from '../fixtures/local-table.ts'
import type { MemoryStore } from '../fixtures/memory-store.ts'
import { MemoryTurns } from '../fixtures/memory-turns.ts'
import { type Death, Life } from '../fixtures/mortal.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const [dynalite, local] = await Promise.all([startDynalite(), startLocalTable()])
afterAll(() => Promise.all([dynalite.stop(), local.stop()]))

const KINDS: Record<string, () => Promise<KeyTurns>> = {
  'in memory': async () => new MemoryTurns(),
  'in the local table': async () => new DynamoKeyTurns(local.documents, await local.createTable()),
  'in the table': async () => new DynamoKeyTurns(dynalite.documents, await dynalite.createTable()),
}

describe.each(Object.entries(KINDS))('turns of a concurrency key %s', (_name, open) => {
  it('are taken by one of 50 concurrent callers, and passed on in order', async () => {
    const turns = await open()
    const ids = Array.from({ length: 50 }, (_, index) => `t${index}`)
    const holders = await Promise.all(ids.map((id, index) => turns.take('acme', 'k', id, 1_000 + index)))
    const holder = ids.filter((_, index) => holders[index] === undefined)
    expect(holder).toHaveLength(1)
    const rest = ids.filter((id) => id !== holder[0])
    expect(await turns.look('acme', 'k')).toEqual({ holder: holder[0], waiting: rest })
    expect(await turns.take('acme', 'k', holder[0] ?? '', 2_000)).toBeUndefined()
    // A repeated call keeps its position in the queue.
    expect(await turns.take('acme', 'k', rest[0] ?? '', 9_000)).toBe(holder[0])
    expect(await turns.leave('acme', 'k', holder[0] ?? '')).toEqual({ holder: undefined, waiting: rest })
    expect(await turns.take('acme', 'k', rest[0] ?? '', 9_000)).toBeUndefined()
    expect(await turns.leave('acme', 'k', rest[1] ?? '')).toEqual({ holder: rest[0], waiting: rest.slice(2) })
    expect(await turns.leave('acme', 'k', 'nobody')).toEqual({ holder: rest[0], waiting: rest.slice(2) })
  })

  it('are separate for each key and tenant, and can be taken over from a holder that has ended', async () => {
    const turns = await open()
    expect(await turns.take('acme', 'k', 'a', 1)).toBeUndefined()
    expect(await turns.take('acme', 'other', 'b', 1)).toBeUndefined()
    expect(await turns.take('else', 'k', 'c', 1)).toBeUndefined()
    expect(await turns.take('acme', 'k', 'd', 1)).toBe('a')
    expect(await turns.take('acme', 'k', 'd', 1, 'nobody')).toBe('a')
    expect(await turns.take('acme', 'k', 'd', 1, 'a')).toBeUndefined()
  })
})

describe('tasks of one concurrency_key', () => {
  function open() {
    let running = 0
    let most = 0
    const order: string[] = []
    const world = makeWorld(
      async ({ taskId, sleep }: { taskId: string; sleep: (ms: number) => Promise<void> }) => {
        running += 1
        most = Math.max(most, running)
        order.push(taskId)
        await sleep(1_000)
        running -= 1
      },
    )
    const submit = (more: object = {}) =>
      submitTask(world, { ...SUBMISSION, concurrencyKey: 'customer', ...more })
    const minute = async (worker = world.worker) => {
      await world.clock.advance(60_000)
      await sweep(world as never, world.clock.now() + 60_000)
      for (let poll = 0; poll < 10; poll += 1) {
        void pollLane(world, { worker }).batch.catch(() => undefined)
        await world.clock.advance(1_500)
      }
    }
    const rows = () => [...(world.store as MemoryStore).rows.values()] as Task[]
    return { world, submit, minute, rows, order, most: () => most }
  }

  it('run one after the other in order, use up no attempt while they wait, and do not block other tasks', async () => {
    const { world, submit, rows, order, most } = open()
    const ids: string[] = []
    for (let index = 0; index < 5; index += 1) {
      ids.push((await submit()).task.id)
      await world.clock.advance(1)
    }
    const other = await submit({ concurrencyKey: 'another' })
    // Without any sweep: each end starts the next.
    for (let poll = 0; poll < 12; poll += 1) {
      void pollLane(world).batch
      await world.clock.advance(1_500)
    }
    expect(rows().map(({ status, attempt }) => [status, attempt])).toEqual(rows().map(() => ['COMPLETED', 1]))
    expect(order.filter((id) => id !== other.task.id)).toEqual(ids)
    expect(order.indexOf(other.task.id)).toBeLessThan(3)
    expect(most()).toBe(2)
  })

  it('that are cancelled while they wait or run do not block the others', async () => {
    const { world, submit, rows } = open()
    const tasks = [await submit(), await submit(), await submit()].map(({ task }) => task)
    void pollLane(world).batch
    await world.clock.advance(100)
    await cancelTask(world, tasks[1] as Task)
    await cancelTask(world, tasks[0] as Task)
    for (let poll = 0; poll < 6; poll += 1) {
      await world.clock.advance(1_500)
      void pollLane(world).batch
    }
    await world.clock.advance(1_500)
    expect(rows().map(({ status }) => status)).toEqual(['CANCELLED', 'CANCELLED', 'COMPLETED'])
  })

  it('that wait past their start deadline expire', async () => {
    const { world, submit, rows, minute } = open()
    await submit()
    await submit({ expiresInMs: 30_000 })
    world.type.run = async () => new Promise(() => undefined)
    void pollLane(world).batch
    await world.clock.advance(100)
    await minute()
    expect(rows().map(({ status }) => status)).toEqual(['PROCESSING', 'EXPIRED'])
  })

  const deaths = Array.from({ length: 16 }, (_, index) =>
    [true, false].map((isApplied) => ({ atCall: index + 1, isApplied })),
  ).flat()
  it.each(deaths)(
    'a worker that dies at call $atCall, applied: $isApplied: all tasks end, and run one at a time',
    async (death: Death) => {
      const { world, submit, minute, rows, most } = open()
      await submit()
      await submit()
      await submit()
      const life = new Life(death, world.clock.sleep)
      const store = life.wrap(world.store)
      const turns = life.wrap(world.turns)
      const mortal = { ...world.worker, store, turns, followUps: world.followUpsOf({ store, turns }) }
      void pollLane(world, { worker: mortal }).batch.catch(() => undefined)
      await world.clock.advance(1_500)
      void pollLane(world, { worker: mortal }).batch.catch(() => undefined)
      await world.clock.advance(1_500)
      for (let round = 0; round < 8; round += 1) await minute()
      expect(rows().map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED'])
      expect(rows().map(({ pending }) => pending)).toEqual([undefined, undefined, undefined])
      // The dead worker's attempt has ended, although its code still runs in this process.
      expect(most()).toBeLessThanOrEqual(2)
      expect(await world.turns.look('acme', 'customer')).toEqual({ holder: undefined, waiting: [] })
    },
  )
})

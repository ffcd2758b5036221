import { describe, expect, it } from 'vitest'
import { LANES } from '../../functions/contract.ts'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { runBatch } from '../../functions/core/application/run/run-batch.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { claim, fail } from '../../functions/core/domain/transitions.ts'
import { makeWorld, SUBMISSION, type World } from '../fixtures/world.ts'

const submit = async (world: World, changes = {}) =>
  (await submitTask(world, { ...SUBMISSION, input: {}, maxAttempts: 2, ...changes })).task
const sweepNow = (world: World) => sweep(world, world.clock.now() + 50_000)
const statusOf = async (world: World, id: string) => (await world.store.get({ tenant: 'acme', id }))?.status

describe('the sweeper', () => {
  it('a submit while the queue is down is accepted, and the next sweep sends it', async () => {
    const world = makeWorld()
    world.queue.isDown = true
    const task = await submit(world)
    expect(task.status).toBe('PENDING')
    expect(await sweepNow(world)).toMatchObject({ failed: 1 })
    world.queue.isDown = false
    expect(await sweepNow(world)).toMatchObject({ sent: 1 })
    expect(world.queue.receive('ai')).toHaveLength(1)
  })

  it('sends the tasks of one second in batches of ten, and those that the queue refused in the next sweep', async () => {
    const world = makeWorld()
    world.queue.isDown = true
    for (let n = 0; n < 250; n += 1) await submit(world)
    world.queue.isDown = false
    let calls = 0
    const sendAll = world.queue.sendAll.bind(world.queue)
    Object.assign(world.queue, {
      sendAll: async (...[lane, messages]: Parameters<typeof sendAll>) => {
        calls += 1
        // A part of a batch may be refused, for example by a throttle.
        const taken = calls === 1 ? messages.slice(0, 7) : messages
        await sendAll(lane, taken)
        return messages.map((_, index) => index < taken.length)
      },
    })
    expect(await sweepNow(world)).toMatchObject({ sent: 247, failed: 3 })
    expect(calls).toBe(25)
    expect(await sweepNow(world)).toMatchObject({ sent: 3, failed: 0 })
    expect(world.queue.sent).toBe(250)
  })

  it('starts with another shard each minute, and reads none twice', async () => {
    const world = makeWorld()
    const begun: number[][] = []
    const shards = () => {
      const order: number[] = []
      begun.push(order)
      return Array.from({ length: 4 }, (_, shard) =>
        (async function* () {
          order.push(shard)
          yield* []
        })(),
      )
    }
    for (let minute = 0; minute < 4; minute += 1) {
      await sweep({ ...world, dueIndex: { shards } }, world.clock.now() + 50_000)
      await world.clock.advance(60_000)
    }
    const orders = begun.map((order) => order.join(''))
    expect(new Set(orders.map(([first]) => first)).size).toBe(4)
    for (const order of orders) expect([...order].toSorted().join('')).toBe('0123')
  })

  it('reads no queue while nothing is due', async () => {
    const world = makeWorld()
    let asked = 0
    const depth = world.queue.depth.bind(world.queue)
    world.queue.depth = async (lane) => {
      asked += 1
      return depth(lane)
    }
    await sweepNow(world)
    expect(asked).toBe(0)
    await submit(world)
    await world.clock.advance(61_000)
    await sweepNow(world)
    expect(asked).toBe(LANES.length)
  })

  it('a lost message of an idle lane is sent again within 2 minutes', async () => {
    const world = makeWorld()
    await submit(world)
    world.queue.messages.ai = []
    await world.clock.advance(59_000)
    expect(await sweepNow(world)).toMatchObject({ resent: 0 })
    await world.clock.advance(60_000)
    expect(await sweepNow(world)).toMatchObject({ resent: 1 })
    expect(await sweepNow(world)).toMatchObject({ resent: 0 })
  })

  it('messages that the sweep itself sends do not make an empty lane look busy', async () => {
    const world = makeWorld()
    const taken = await submit(world)
    await world.store.change({ tenant: 'acme', id: taken.id }, claim(1, 'dead-worker', world.clock.now()))
    await submit(world)
    world.queue.messages.ai = []
    await world.clock.advance(65_000)
    expect(await sweepNow(world)).toMatchObject({ taken_over: 1, resent: 1, waiting: 0 })
  })

  it('tasks that wait in a paused lane are not overdue', async () => {
    const world = makeWorld()
    await submit(world)
    await world.clock.advance(300_000)
    const overdue = () =>
      world.events.filter(({ event, fields }) => event === 'lane.swept' && fields.lane === 'ai').at(-1)
        ?.fields.oldest_due_seconds
    await sweepNow(world)
    expect(overdue()).toBeGreaterThan(0)
    await world.lanes.beginPause('ai', world.clock.now())
    await world.clock.advance(300_000)
    await sweepNow(world)
    expect(overdue()).toBe(0)
  })

  it('messages that no worker can read end the task as worker_crashed, with a dead letter, within about an hour', async () => {
    const world = makeWorld()
    const { id } = await submit(world)
    let minutes = 0
    while ((await statusOf(world, id)) === 'PENDING' && minutes < 120) {
      world.queue.receive('ai')
      await world.clock.advance(60_000)
      await sweepNow(world)
      minutes += 1
    }
    expect(minutes).toBeGreaterThan(30)
    expect(minutes).toBeLessThan(75)
    expect(await world.store.get({ tenant: 'acme', id })).toMatchObject({
      status: 'FAILED',
      error: { code: 'worker_crashed' },
    })
    expect(world.queue.dead.ai).toHaveLength(1)
  })

  it('a task with an expired lease is sent again, and is FAILED when no attempt is left', async () => {
    const world = makeWorld()
    const { id } = await submit(world)
    const key = { tenant: 'acme', id }
    await world.store.change(key, claim(1, 'dead-worker', world.clock.now()))
    world.queue.messages.ai = []
    await world.clock.advance(60_000)
    expect(await sweepNow(world)).toMatchObject({ taken_over: 1 })
    expect(world.queue.receive('ai')).toHaveLength(1)
    expect(await world.store.get(key)).toMatchObject({ status: 'PENDING', attempt: 1 })
    await world.store.change(key, claim(1, 'dead-worker-2', world.clock.now()))
    await world.clock.advance(60_000)
    expect(await sweepNow(world)).toMatchObject({ crashed: 1 })
    expect(await world.store.get(key)).toMatchObject({
      status: 'FAILED',
      error: { code: 'worker_crashed' },
      history: [{ outcome: 'worker_crashed' }, { outcome: 'worker_crashed', attempt: 2 }],
    })
  })

  it('a process that died between the write of the failure and the dead letter is repaired', async () => {
    const world = makeWorld()
    const { id } = await submit(world)
    const now = world.clock.now()
    await world.store.change({ tenant: 'acme', id }, claim(1, 'token', now))
    const record = { epoch: 1, attempt: 1, startedAt: now, endedAt: now, outcome: 'task_failed' }
    const error = { code: 'task_failed', message: 'No.', retryable: false }
    await world.store.change(
      { tenant: 'acme', id },
      fail('token', now, {
        error,
        usage: undefined,
        entry: { record },
        retention: { ttl: 9e9, reapAt: 9e9 },
        pending: ['dead_letter'],
      }),
    )
    expect(await sweepNow(world)).toMatchObject({ followed_up: 0 })
    // It is due when the lease of its attempt would have ended. That may be at once, while the process that ended it still works on it.
    expect((await world.store.get({ tenant: 'acme', id }))?.dueAt).toBe(now + 60_000)
    await world.clock.advance(60_000)
    expect(await sweepNow(world)).toMatchObject({ followed_up: 1 })
    expect(world.queue.dead.ai).toMatchObject([{ id, dead: { code: 'task_failed', attempts: 1 } }])
    expect(await sweepNow(world)).toMatchObject({ followed_up: 0 })
  })

  it('leaves the follow-ups of an end to the process that ended the task for 20 s, even if its lease expires earlier', async () => {
    const world = makeWorld()
    const { id } = await submit(world)
    const key = { tenant: 'acme', id }
    await world.store.change(key, claim(1, 'token', world.clock.now()))
    await world.clock.advance(59_000)
    const now = world.clock.now()
    const record = { epoch: 1, attempt: 1, startedAt: now, endedAt: now, outcome: 'task_failed' }
    const end = { entry: { record }, retention: { ttl: 9e9, reapAt: 9e9 }, pending: ['dead_letter' as const] }
    const error = { code: 'task_failed', message: 'No.', retryable: false }
    await world.store.change(key, fail('token', now, { error, usage: undefined, ...end }))
    await world.clock.advance(2_000)
    expect(await sweepNow(world)).toMatchObject({ followed_up: 0 })
    expect(world.queue.dead.ai).toEqual([])
    await world.clock.advance(20_000)
    expect(await sweepNow(world)).toMatchObject({ followed_up: 1 })
    expect(world.queue.dead.ai).toHaveLength(1)
  })

  it('a parked task is sent at its second', async () => {
    const world = makeWorld()
    const { id } = await submit(world, { delayMs: 3_600_000 })
    expect(await statusOf(world, id)).toBe('SCHEDULED')
    expect(world.queue.messages.ai).toHaveLength(0)
    const start = world.clock.now()
    while (world.queue.receive('ai').length === 0) {
      if ((world.clock.now() - start) % 60_000 === 0) await sweepNow(world)
      await world.clock.advance(1_000)
    }
    expect(world.clock.now() - start).toBe(3_600_000)
  })

  it('a task whose start deadline has passed is EXPIRED', async () => {
    const world = makeWorld()
    const { id } = await submit(world, { expiresInMs: 30_000 })
    await world.clock.advance(30_000)
    expect(await sweepNow(world)).toMatchObject({ expired: 1 })
    expect(await statusOf(world, id)).toBe('EXPIRED')
    const again = await runBatch(world.worker, world.queue.receive('ai'), world.clock.now() + 300_000)
    expect(again.size).toBe(0)
    expect(await statusOf(world, id)).toBe('EXPIRED')
  })

  it('in a busy lane a lost message is sent again within 15 minutes', async () => {
    const world = makeWorld()
    const lost = await submit(world)
    world.queue.messages.ai = []
    let minutes = 0
    const isBack = () => world.queue.messages.ai.some(({ message }) => message.id === lost.id)
    while (!isBack() && minutes < 30) {
      // Always more messages than are received, so that the queue is never empty.
      for (let n = 0; n < 15; n += 1) await submit(world)
      const deliveries = world.queue.receive('ai')
      const running = runBatch(world.worker, deliveries, world.clock.now() + 300_000)
      await world.clock.advance(60_000)
      await running
      for (const { receipt } of deliveries) world.queue.delete('ai', receipt)
      await sweepNow(world)
      minutes += 1
    }
    expect(minutes).toBeLessThanOrEqual(15)
  })
})

import { describe, expect, it } from 'vitest'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { failedStatus } from '../../functions/core/domain/provider-failure.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { makeWorld, pollLane, type World } from '../fixtures/world.ts'

/** Tasks submitted within some seconds, each with its message. */
async function fill(world: World, total: number, changes: object = {}): Promise<string[]> {
  const start = world.clock.now()
  const ids: string[] = []
  for (let n = 0; n < total; n += 1) {
    const id = `task-${String(n).padStart(6, '0')}`
    const at = start + Math.floor(n / 100)
    await world.store.create(
      makeTask(at, { id, type: 'test.run', dueAt: at + 60_000, queuedAt: at, ...changes }),
    )
    await world.queue.send('ai', { v: 1, tenant: 'acme', id, epoch: 1 })
    ids.push(id)
  }
  return ids
}

/** One minute: the lane takes so many, then the sweeper comes by. */
async function minute(world: World, perMinute: number, batch = 100): Promise<void> {
  const batches = Math.ceil(perMinute / batch)
  for (let n = 0; n < batches; n += 1) {
    const { batch: running } = pollLane(world, { most: batch })
    await world.clock.advance(Math.floor(60_000 / batches))
    await running
  }
  if (batches === 0) await world.clock.advance(60_000)
  await sweep(world, world.clock.now() + 50_000)
}

const openTasks = async (world: World, ids: readonly string[]) => {
  let open = 0
  for (const id of ids) if ((await world.store.get({ tenant: 'acme', id }))?.status !== 'COMPLETED') open += 1
  return open
}

describe('a backlog, by a moved clock', () => {
  it('100,000 tasks, an hour deep: under 5 % are sent again, and 100 lost messages are found on the way', async () => {
    const world = makeWorld()
    const total = 100_000
    const ids = await fill(world, total)
    const sent = world.queue.sent
    // Every thousandth message vanishes.
    world.queue.messages.ai = world.queue.messages.ai.filter((_, index) => index % 1_000 !== 500)
    for (let n = 0; n < 60; n += 1) await minute(world, Math.ceil(total / 60))
    const resent = world.queue.sent - sent
    console.info(`100,000 waiting for an hour, 100 of them lost: ${resent} sent again`)
    expect(resent).toBeGreaterThanOrEqual(80)
    expect(resent).toBeLessThan(total * 0.05)
    // What was passed over at the very end is found once the queue is empty.
    for (let n = 0; n < 16; n += 1) await minute(world, 100)
    expect(await openTasks(world, ids)).toBe(0)
  })

  it('a lane that takes nothing for six hours: nothing is sent into it', async () => {
    const world = makeWorld()
    const ids = await fill(world, 2_000)
    const sent = world.queue.sent
    for (let n = 0; n < 360; n += 1) await minute(world, 0)
    expect(world.queue.sent - sent).toBe(0)
    for (let n = 0; n < 30; n += 1) await minute(world, 200)
    expect(await openTasks(world, ids)).toBe(0)
  })

  it('a provider that is down for good holds a task for an hour, then its attempts are spent and it fails', async () => {
    const world = makeWorld()
    world.type.run = async (context) => {
      const { model } = context as { model: { complete(call: object): Promise<string> } }
      return model.complete({ prompt: 'x' })
    }
    const generate = async () => {
      throw failedStatus({ provider: 'openai', status: 500, message: 'down', now: world.clock.now() })
    }
    Object.assign(world.worker.providers, { forModel: async () => ({ name: 'openai', generate }) })
    const ids = await fill(world, 20, { model: 'gpt-3.5-turbo', maxAttempts: 4 })
    const rows = () => Promise.all(ids.map((id) => world.store.get({ tenant: 'acme', id })))
    let minutes = 0
    while (!(await rows()).every((row) => row?.status === 'FAILED') && minutes < 180) {
      await minute(world, 600, 10)
      minutes += 1
    }
    console.info(`20 tasks, provider down for good: all failed after ${minutes} min`)
    expect(minutes).toBeGreaterThan(55)
    expect(minutes).toBeLessThan(90)
    for (const row of await rows())
      expect(row).toMatchObject({ attempt: 4, error: { code: 'provider_unavailable' } })
  })

  it('a provider that is down for half an hour: tasks are parked, none fails, none is taken for lost', async () => {
    const world = makeWorld()
    let isDown = true
    world.type.run = async (context) => {
      const { model } = context as { model: { complete(call: object): Promise<string> } }
      return model.complete({ prompt: 'x' })
    }
    let calls = 0
    const provider = {
      name: 'openai',
      generate: async () => {
        calls += 1
        if (isDown)
          throw failedStatus({ provider: 'openai', status: 503, message: 'down', now: world.clock.now() })
        return {
          text: 'answer',
          usage: { inputTokens: 1, outputTokens: 1, cachedTokens: null, reasoningTokens: null },
          finishReason: 'stop' as const,
        }
      },
    }
    Object.assign(world.worker.providers, { forModel: async () => provider })
    const ids = await fill(world, 500, { model: 'gpt-3.5-turbo', maxAttempts: 4 })
    const sent = world.queue.sent
    for (let n = 0; n < 30; n += 1) await minute(world, 600, 10)
    const attempts = await Promise.all(
      ids.map(async (id) => (await world.store.get({ tenant: 'acme', id }))?.attempt ?? 0),
    )
    console.info(
      `500 tasks, provider down for 30 min: ${calls} calls, ${Math.max(...attempts)} attempts at most`,
    )
    expect(Math.max(...attempts)).toBeLessThan(4)
    // One probe in 15 s, and the calls before the circuit opened.
    expect(calls).toBeLessThan(30 * 4 + 15)
    isDown = false
    for (let n = 0; n < 30 && (await openTasks(world, ids)) > 0; n += 1) await minute(world, 600, 10)
    expect(await openTasks(world, ids)).toBe(0)
    // Long waits are carried by the sweeper, one send each; none is taken for lost and sent beside its own message.
    console.info(
      `500 tasks, provider down for 30 min: ${world.queue.sent - sent} sent by the sweeper after a long wait`,
    )
    expect(world.events.filter(({ event }) => event === 'task.resent')).toEqual([])
    expect(world.queue.dead.ai).toEqual([])
  })

  it.each([
    [30, 100, 0],
    [60, 100, 0],
    // The sweeper carries a wait after six receives, so that even ten would do; with fewer a healthy task is called failed.
    [30, 10, 0],
    [30, 4, 60],
  ])(
    'an outage of %i minutes with %i receives moves %i healthy tasks to the dead-letter queue',
    async (minutes, receives, moved) => {
      const world = makeWorld()
      world.queue.maxReceiveCount = receives
      let isDown = true
      world.type.run = async (context) =>
        (context as { model: { complete(call: object): Promise<string> } }).model.complete({ prompt: 'x' })
      const provider = {
        name: 'openai',
        generate: async () => {
          if (isDown)
            throw failedStatus({ provider: 'openai', status: 503, message: 'down', now: world.clock.now() })
          return {
            text: 'answer',
            usage: { inputTokens: 1, outputTokens: 1, cachedTokens: null, reasoningTokens: null },
            finishReason: 'stop' as const,
          }
        },
      }
      Object.assign(world.worker.providers, { forModel: async () => provider })
      const ids = await fill(world, 60, { model: 'gpt-3.5-turbo', maxAttempts: 4 })
      for (let n = 0; n < minutes; n += 1) await minute(world, 600, 10)
      isDown = false
      for (let n = 0; n < 30 && (await openTasks(world, ids)) > 0; n += 1) await minute(world, 600, 10)
      expect(await openTasks(world, ids)).toBe(0)
      console.info(`outage of ${minutes} min, ${receives} receives: ${world.queue.movedByCount} of 60 moved`)
      if (moved === 0) expect(world.queue.movedByCount).toBe(0)
      else expect(world.queue.movedByCount).toBeGreaterThanOrEqual(moved)
    },
  )
})

import { describe, expect, it } from 'vitest'
import { failedStatus } from '../../functions/core/domain/provider-failure.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'
import { makeWorld } from '../fixtures/world.ts'
import { simulateChain } from './kit/chain.ts'
import { simulateBurst } from './kit/due-burst.ts'
import { fill, minute, openTasks, simulateOutage } from './kit/outage.ts'

describe('a backlog, with a simulated clock', () => {
  it('a backlog of 100,000 tasks and an hour: under 5 % are sent again, and 100 lost messages are found', async () => {
    const world = makeWorld()
    const total = 100_000
    const ids = await fill(world, total)
    const sent = world.queue.sent
    // Every thousandth message is lost.
    world.queue.messages.ai = world.queue.messages.ai.filter((_, index) => index % 1_000 !== 500)
    for (let n = 0; n < 60; n += 1) await minute(world, Math.ceil(total / 60))
    const resent = world.queue.sent - sent
    console.info(`100,000 waiting for an hour, 100 of them lost: ${resent} sent again`)
    expect(resent).toBeGreaterThanOrEqual(80)
    expect(resent).toBeLessThan(total * 0.05)
    // A lost message near the end is found once the queue is empty.
    for (let n = 0; n < 16; n += 1) await minute(world, 100)
    expect(await openTasks(world, ids)).toBe(0)
  })

  it('a lane that runs nothing for six hours: no message is sent to it', async () => {
    const world = makeWorld()
    const ids = await fill(world, 2_000)
    const sent = world.queue.sent
    for (let n = 0; n < 360; n += 1) await minute(world, 0)
    expect(world.queue.sent - sent).toBe(0)
    for (let n = 0; n < 30; n += 1) await minute(world, 200)
    expect(await openTasks(world, ids)).toBe(0)
  })

  it('a provider that stays down delays a task for an hour, then the task uses up its attempts and fails', async () => {
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

  it('a provider that is down for half an hour: tasks wait, none fails, and no message counts as lost', async () => {
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
    // One probe in 15 s, plus the calls before the circuit opened, plus the probes of the first half minute.
    expect(calls).toBeLessThan(30 * 4 + 15 + 35)
    isDown = false
    for (let n = 0; n < 30 && (await openTasks(world, ids)) > 0; n += 1) await minute(world, 600, 10)
    expect(await openTasks(world, ids)).toBe(0)
    // The sweeper handles long waits, one send each. No waiting row counts as lost and gets a second message.
    console.info(
      `500 tasks, provider down for 30 min: ${world.queue.sent - sent} sent by the sweeper after a long wait`,
    )
    expect(world.events.filter(({ event }) => event === 'task.resent')).toEqual([])
    expect(world.queue.dead.ai).toEqual([])
  })

  it.each([
    [30, 100, 0],
    [60, 100, 0],
    // After six receives the sweeper handles the wait, so that even a limit of ten would be enough. With a lower limit, healthy
    // tasks go to the dead-letter queue.
    [30, 10, 0],
    [30, 4, 60],
  ])(
    'an outage of %i minutes with %i receives moves %i healthy tasks to the dead-letter queue',
    async (minutes, maxReceiveCount, moved) => {
      const seen = await simulateOutage({ minutes, maxReceiveCount, tasks: 60 })
      expect(seen.open).toBe(0)
      if (moved === 0) expect(seen.moved).toBe(0)
      else expect(seen.moved).toBeGreaterThanOrEqual(moved)
    },
  )
})

describe('rules of AWS that no emulator applies, simulated', () => {
  it('four sweepers that share the shards send 100,000 tasks due in one second within a minute', async () => {
    const seen = await simulateBurst(loadStage('prod'), 100_000)
    expect(seen).toMatchObject({ sent: 100_000, sweepers: 4 })
    // No sweeper has much more than a quarter of the tasks.
    expect(seen.maxOfOneSweeper).toBeLessThan(27_000)
    expect(seen.lateMost).toBeLessThan(60)
  })

  it('a workflow of 40 steps ends where Lambda allows recursive invocations, and stops at step 16 where it does not', async () => {
    expect(await simulateChain(40, false)).toEqual({ stepsDone: 16, status: 'RUNNING' })
    expect(await simulateChain(40, true)).toEqual({ stepsDone: 40, status: 'COMPLETED' })
  })
})

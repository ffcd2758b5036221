/** Prompts that always fail, and outages, with in-memory services and a simulated clock. */
import { describe, expect, it } from 'vitest'
import { closeCircuit } from '../../functions/core/application/operate/close-circuit.ts'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { ProviderGate } from '../../functions/core/application/run/guard-provider.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { failedStatus, unreachable } from '../../functions/core/domain/provider-failure.ts'
import { type GenerateOptions, type ModelRequest, textOf } from '../../functions/core/ports/model-provider.ts'
import { MemoryCircuits } from '../fixtures/memory-circuits.ts'
import { makeWorld, pollLane, SUBMISSION, type World } from '../fixtures/world.ts'

interface Call {
  readonly at: number
  readonly prompt: string
}

/** In-memory services with tasks that call one model; the test says which prompts drop the connection. */
function open(
  drops: (prompt: string) => boolean,
  answerMs = 500,
  dropped = () => unreachable('openai', 'the connection was dropped'),
  hangs = false,
) {
  const world = makeWorld(async (context) => {
    const { input, model } = context as unknown as {
      input: { prompt: string }
      model: { complete(call: { prompt: string }): Promise<string> }
    }
    return model.complete({ prompt: input.prompt })
  })
  const calls: Call[] = []
  const circuits = new MemoryCircuits()
  Object.assign(world.worker, { gate: new ProviderGate({ ...world, circuits }) })
  Object.assign(world.worker.providers, {
    forModel: async () => ({
      name: 'openai',
      generate: async ({ messages }: ModelRequest, { signal }: GenerateOptions) => {
        const prompt = messages.map(textOf).join('')
        calls.push({ at: world.clock.now(), prompt })
        if (drops(prompt) && hangs) {
          await world.clock.sleep(3_600_000, signal)
          signal.throwIfAborted()
        }
        await world.clock.sleep(drops(prompt) ? 100 : answerMs)
        if (drops(prompt)) throw dropped()
        const usage = { inputTokens: 1, outputTokens: 1, cachedTokens: null, reasoningTokens: null }
        return { text: 'answer', usage, finishReason: 'stop' as const }
      },
    }),
  })
  const submit = async (prompt: string, tenant = 'acme') =>
    (
      await submitTask(world, {
        ...SUBMISSION,
        tenant,
        input: { prompt },
        model: 'gpt-4o',
        bodyHash: prompt,
        ...(hangs ? { timeoutMs: 5_000 } : {}),
      })
    ).task
  return { world, calls, submit, circuits }
}

/** Runs the lane: visible messages are received within half a second, twenty at a time; the sweeper runs every minute. */
async function work(world: World, ms: number, workers = [world.worker]): Promise<void> {
  const end = world.clock.now() + ms
  while (world.clock.now() < end) {
    world.clock.chance = (world.clock.chance * 7 + 0.31) % 1
    workers.unshift(...workers.splice(-1))
    for (const worker of workers) pollLane(world, { worker, most: Math.ceil(20 / workers.length) })
    await world.clock.advance(500)
    if (world.clock.now() % 60_000 < 500) await sweep(world, world.clock.now() + 50_000)
  }
}
const rowOf = async (world: World, { tenant, id }: { tenant: string; id: string }) => {
  const row = await world.store.get({ tenant, id })
  if (!row) throw new Error('no row')
  return row
}

describe('twenty prompts that drop the connection', () => {
  it.each([1_000, 4_000, 12_000, 40_000, 120_000, 600_000])(
    'delay a healthy task that comes after %d ms by at most 15 s',
    async (after) => {
      const { world, submit } = open((prompt) => prompt.startsWith('poison'))
      for (let n = 0; n < 20; n += 1) await submit(`poison ${n}`)
      await work(world, after)
      const healthy = await submit('healthy')
      await work(world, 60_000)
      const row = await rowOf(world, healthy)
      expect(row.status).toBe('COMPLETED')
      const waited = (row.startedAt ?? 0) - row.createdAt
      console.info(`healthy after ${after} ms: waited ${waited} ms`)
      expect(waited).toBeLessThanOrEqual(15_000)
      expect(row.attempt).toBe(1)
    },
  )

  it.each([
    [429, '3600', 4_000],
    [503, '3600', 12_000],
    [529, '60', 120_000],
    [503, '999999999', 600_000],
  ])(
    'or that are answered %i with Retry-After %s delay a healthy task after %d ms by at most 15 s',
    async (status, retryAfter, after) => {
      const refused = () => failedStatus({ provider: 'openai', status, message: 'no', retryAfter, now: 0 })
      const { world, submit } = open((prompt) => prompt.startsWith('poison'), 500, refused)
      for (let n = 0; n < 20; n += 1) {
        await submit(`poison ${n}`)
        await work(world, 500)
      }
      await work(world, after)
      const healthy = await submit('healthy')
      await work(world, 60_000)
      const row = await rowOf(world, healthy)
      expect(row).toMatchObject({ status: 'COMPLETED', attempt: 1 })
      expect((row.startedAt ?? 0) - row.createdAt).toBeLessThanOrEqual(15_000)
    },
  )

  it.each([1_000, 3_000, 7_000])(
    'that come four at a time, every %d ms, delay no healthy task by more than 15 s',
    async (every) => {
      const { world, submit, circuits } = open((prompt) => prompt.startsWith('poison'))
      // Environments learn of each other's successes only through the circuit.
      const workers = Array.from({ length: 5 }, () => ({
        ...world.worker,
        gate: new ProviderGate({ ...world, circuits }),
      }))
      const healthy: { readonly tenant: string; readonly id: string }[] = []
      for (let n = 0; n < 10; n += 1) {
        for (let m = 0; m < 4; m += 1) await submit(`poison ${n} ${m}`, `tenant-${m % 3}`)
        await work(world, every, workers)
        healthy.push(await submit(`healthy ${n}`, `tenant-${n % 4}`))
      }
      await work(world, 120_000, workers)
      const rows = await Promise.all(healthy.map((task) => rowOf(world, task)))
      expect(rows.map(({ status, attempt }) => [status, attempt])).toEqual(rows.map(() => ['COMPLETED', 1]))
      const waits = rows.map(({ startedAt = 0, createdAt }) => startedAt - createdAt)
      console.info(`healthy beside poison every ${every} ms: waited ${waits.join(' ')} ms`)
      expect(Math.max(...waits)).toBeLessThanOrEqual(15_000)
    },
  )

  it('end after as many calls as they have attempts', async () => {
    const { world, calls, submit } = open((prompt) => prompt.startsWith('poison'))
    const poison: { readonly tenant: string; readonly id: string }[] = []
    for (let n = 0; n < 20; n += 1) poison.push(await submit(`poison ${n}`))
    await work(world, 2 * 60 * 60_000)
    for (const task of poison) {
      expect(await rowOf(world, task)).toMatchObject({ status: 'FAILED', attempt: 4 })
      expect(calls.filter(({ prompt }) => prompt === `poison ${poison.indexOf(task)}`)).toHaveLength(4)
    }
  })

  it('of one tenant do not delay any other tenant', async () => {
    const { world, submit } = open((prompt) => prompt.startsWith('poison'))
    for (let n = 0; n < 20; n += 1) await submit(`poison ${n}`, 'mallory')
    await work(world, 4_000)
    const healthy = await submit('healthy', 'acme')
    await work(world, 10_000)
    const row = await rowOf(world, healthy)
    expect(row.status).toBe('COMPLETED')
    expect((row.startedAt ?? 0) - row.createdAt).toBeLessThanOrEqual(1_000)
  })
})

describe('a provider whose Retry-After is years', () => {
  it('delays no task by more than five minutes once its circuit is closed by hand', async () => {
    let isDown = true
    const { world, submit, circuits } = open(
      () => isDown,
      500,
      () => failedStatus({ provider: 'openai', status: 429, message: 'no', retryAfter: '999999999', now: 0 }),
    )
    const tasks: { readonly tenant: string; readonly id: string }[] = []
    for (let n = 0; n < 240; n += 1) {
      tasks.push(await submit(`task ${n}`, `tenant-${n % 3}`))
      if (n === 5) await work(world, 3_000)
    }
    await work(world, 10 * 60_000)
    isDown = false
    await closeCircuit({ ...world, circuits }, 'openai:gpt-4o')
    await work(world, 6 * 60_000)
    const rows = await Promise.all(tasks.map((task) => rowOf(world, task)))
    // Except tasks that got such a Retry-After themselves.
    const left = rows.filter(({ status }) => status !== 'COMPLETED')
    expect(left.every(({ error }) => error?.code === 'provider_rate_limited')).toBe(true)
    console.info(`${left.length} of ${tasks.length} tasks got such a Retry-After`)
    expect(left.length).toBeLessThan(tasks.length / 2)
    await work(world, 60 * 60_000)
    expect((await Promise.all(left.map((task) => rowOf(world, task)))).map(({ status }) => status)).toEqual(
      left.map(() => 'COMPLETED'),
    )
  })
})

describe('an outage in which the provider accepts calls and never begins to answer', () => {
  it('gets at most one call in 15 s after the first attempts, and no task fails', async () => {
    let isDown = true
    const { world, calls, submit } = open(() => isDown, 500, undefined, true)
    const tasks: { readonly tenant: string; readonly id: string }[] = []
    for (let n = 0; n < 60; n += 1) tasks.push(await submit(`task ${n}`, `tenant-${n % 3}`))
    const begunAt = world.clock.now()
    await work(world, 12 * 60_000)
    const later = calls.map(({ at }) => at).filter((at) => at - begunAt >= 30_000)
    const gaps = later.slice(1).map((at, index) => at - (later[index] ?? 0))
    console.info(
      `${calls.length - later.length} calls in 30 s, then ${later.length}, closest ${Math.min(...gaps)} ms`,
    )
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(15_000)
    isDown = false
    await work(world, 12 * 60_000)
    const rows = await Promise.all(tasks.map((task) => rowOf(world, task)))
    expect(rows.map(({ status }) => status)).toEqual(tasks.map(() => 'COMPLETED'))
  })
})

describe('an outage of eleven minutes, with five environments', () => {
  it.each([4, 8, 60])('uses up the attempts of none of %d tasks of three tenants', async (count) => {
    let isDown = true
    const { world, calls, submit, circuits } = open(() => isDown)
    const workers = Array.from({ length: 5 }, () => ({
      ...world.worker,
      gate: new ProviderGate({ ...world, circuits }),
    }))
    const tasks: { readonly tenant: string; readonly id: string }[] = []
    for (let n = 0; n < count; n += 1) tasks.push(await submit(`task ${n}`, `tenant-${n % 3}`))
    const begunAt = world.clock.now()
    await work(world, 11 * 60_000, workers)
    const later = calls.map(({ at }) => at).filter((at) => at - begunAt >= 35_000)
    const gaps = later.slice(1).map((at, index) => at - (later[index] ?? 0))
    console.info(`${count} tasks: ${calls.length - later.length} calls in 35 s, then ${later.length}`)
    expect(Math.min(15_000, ...gaps)).toBe(15_000)
    isDown = false
    await work(world, 12 * 60_000, workers)
    const rows = await Promise.all(tasks.map((task) => rowOf(world, task)))
    expect(rows.map(({ status }) => status)).toEqual(tasks.map(() => 'COMPLETED'))
  })
})

describe('an outage of half an hour', () => {
  it('gets at most one call in 15 s, no task fails, and all end soon after it', async () => {
    let isDown = true
    const { world, calls, submit } = open(() => isDown)
    const tasks: { readonly tenant: string; readonly id: string }[] = []
    for (let n = 0; n < 200; n += 1) tasks.push(await submit(`task ${n}`))
    const begunAt = world.clock.now()
    await work(world, 30 * 60_000)
    const first = calls.filter(({ at }) => at - begunAt < 30_000).length
    const later = calls.map(({ at }) => at).filter((at) => at - begunAt >= 30_000)
    const gaps = later.slice(1).map((at, index) => at - (later[index] ?? 0))
    console.info(
      `outage of 30 min, 200 tasks: ${first} calls in the first 30 s, then ${later.length}, closest ${Math.min(...gaps)} ms`,
    )
    expect(first).toBeLessThan(80)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(15_000)
    isDown = false
    const backAt = world.clock.now()
    await work(world, 10 * 60_000)
    const rows = await Promise.all(tasks.map((task) => rowOf(world, task)))
    expect(rows.filter(({ status }) => status !== 'COMPLETED')).toEqual([])
    const afterwards = calls.filter(({ at }) => at >= backAt).map(({ at }) => at - backAt)
    console.info(
      `back: all done ${Math.max(...rows.map(({ finishedAt = 0 }) => finishedAt)) - backAt} ms later`,
    )
    // The load rises gradually: there is no burst in the second after the probe.
    const probeAt = Math.min(...afterwards)
    expect(afterwards.filter((at) => at > probeAt && at < probeAt + 2_000).length).toBeLessThanOrEqual(4)
  })
})

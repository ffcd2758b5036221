import { afterAll, describe, expect, it } from 'vitest'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import { retryTask } from '../../functions/core/application/tasks/retry-task.ts'
import { ProviderError, TaskError, UnavailableError } from '../../functions/core/domain/errors.ts'
import type { TaskContext } from '../../functions/core/kit/index.ts'
import { MemoryModel } from '../fixtures/memory-model.ts'
import { queuePorts } from '../fixtures/memory-queue.ts'
import { type Death, Life } from '../fixtures/mortal.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const KEY = { tenant: 'acme', id: 'derived-acme-key' }
type Run = (context: TaskContext<unknown>) => Promise<unknown>

/** Two calls one after the other, as most tasks that call more than once. */
const twoCalls: Run = async ({ model }) => {
  const draft = await model.complete({ prompt: 'draft' })
  return `${draft}, ${await model.complete({ prompt: 'polish' })}`
}

function makeAttachWorld(run: Run = twoCalls, isBackground = true) {
  const world = makeWorld(run as never)
  const model = new MemoryModel(world.clock, { isBackground })
  const submit = (more: Partial<typeof SUBMISSION> = {}) =>
    submitTask(world, { ...SUBMISSION, idempotencyKey: 'key', input: null, timeoutMs: 120_000, ...more })
  const work = (death?: Death) => {
    const life = new Life(death, (ms) => world.clock.sleep(ms))
    const mortal = {
      ...world.worker,
      store: life.wrap(world.worker.store),
      ...queuePorts(life.wrap(world.queue)),
      payloads: life.wrap({ ...world.worker.payloads }),
      providers: {
        forModel: async () => ({
          name: model.name,
          generate: life.wrap(model).generate,
          ...(model.background ? { background: life.wrap(model.background) } : {}),
        }),
      },
    }
    return { life, running: pollLane(world, { worker: mortal }).batch }
  }
  /** A process that ends or pauses after its first call has begun and the call's id is stored. */
  const workUntilNoted = async (stallMs?: number) => {
    const death = {
      atCall: Number.POSITIVE_INFINITY,
      isApplied: stallMs !== undefined,
      ...(stallMs ? { stallMs } : {}),
    }
    work(death)
    await world.clock.advance(5_000)
    death.atCall = 0
    expect((await world.store.get(KEY))?.calls).toHaveLength(1)
  }
  const heal = async () => {
    for (let round = 0; round < 10; round += 1) {
      await sweep({ ...world.worker, lanes: world.lanes }, world.clock.now() + 60_000)
      work()
      await world.clock.advance(61_000)
    }
  }
  return { ...world, model, submit, work, workUntilNoted, heal, row: () => world.store.get(KEY) }
}

/** Each call of a port, before it takes effect and after. */
const DEATHS = Array.from({ length: 30 }, (_, index) => ({
  atCall: 1 + Math.floor(index / 2),
  isApplied: index % 2 === 1,
}))
const paid = { with: 0, without: 0, twice: { with: 0, without: 0 } }

async function die(death: Death, isBackground: boolean) {
  const world = makeAttachWorld(twoCalls, isBackground)
  await world.submit()
  const { life } = world.work(death)
  // Long enough for either call to be in progress or answered when the process ends.
  await world.clock.advance(90_000)
  await world.heal()
  const task = await world.row()
  expect(task).toMatchObject({ status: 'COMPLETED', result: { json: '"echo: draft, echo: polish"' } })
  expect(task?.calls).toBeUndefined()
  return { paid: world.model.runs.length, life, task }
}

describe('a process that dies before, during or after background calls', () => {
  it.each(DEATHS)(
    'at call $atCall, applied: $isApplied, does not pay again for a call whose id was stored',
    async (death) => {
      const attached = await die(death, true)
      const plain = await die(death, false)
      paid.with += attached.paid
      paid.without += plain.paid
      paid.twice.with += attached.paid - 2
      paid.twice.without += plain.paid - 2
      // Only between the provider's answer to `start` and the write of its id.
      expect(attached.paid).toBeLessThanOrEqual(3)
      // The booked usage is that of the answers that were read; nothing is booked twice.
      expect(attached.task?.usage?.inputTokens).toBe(2)
    },
  )

  it('pays twice only when it dies during one particular write', () => {
    expect(paid.twice.with).toBeLessThan(paid.twice.without / 3)
  })

  afterAll(() => {
    console.info(
      `${DEATHS.length} deaths of a task of 2 calls: ${paid.twice.without} calls paid twice without the background, ${paid.twice.with} with it`,
    )
  })
})

describe('the next attempt', () => {
  it('resumes the call after a time-out: a call may take longer than an attempt', async () => {
    const world = makeAttachWorld(async ({ model }) => model.complete({ prompt: 'long' }))
    world.model.callMs = 300_000
    await world.submit()
    await world.heal()
    expect(await world.row()).toMatchObject({ status: 'COMPLETED', result: { json: '"echo: long"' } })
    expect(world.model.runs).toHaveLength(1)
    expect((await world.row())?.usage?.inputTokens).toBe(1)
  })

  it('makes the call again when the provider no longer knows it', async () => {
    const world = makeAttachWorld(async ({ model }) => model.complete({ prompt: 'x' }))
    await world.submit()
    await world.workUntilNoted()
    world.model.runs.length = 0
    await world.heal()
    expect(await world.row()).toMatchObject({ status: 'COMPLETED' })
    expect(world.model.runs).toHaveLength(1)
  })

  it('makes the call again after an answer that the author’s code refused, and after a failed call', async () => {
    const world = makeAttachWorld(async ({ model }) => {
      const text = await model.complete({ prompt: 'x' })
      if (text === 'bad') throw new TaskError('again', { retry: 'counted' })
      return text
    })
    world.model.answerTo = (_, nth) => {
      if (nth === 1) throw new ProviderError('provider_unavailable', 'x', 'counted', 'memory')
      return nth === 2 ? 'bad' : 'good'
    }
    await world.submit()
    await world.heal()
    expect(await world.row()).toMatchObject({ status: 'COMPLETED', attempt: 3, result: { json: '"good"' } })
    expect(world.model.runs).toHaveLength(3)
  })

  it('reads the same answer, and books it once, when the bucket failed while the result was stored', async () => {
    const world = makeAttachWorld(async ({ model }) => model.complete({ prompt: 'x' }))
    const { payloads } = world.worker
    const keep = payloads.keep.bind(payloads)
    let fails = 9
    Object.assign(payloads, {
      keep: async (...args: Parameters<typeof keep>) => {
        if (String(args[1]).startsWith('result') && fails-- > 0) throw new UnavailableError('down')
        return keep(...args)
      },
    })
    await world.submit()
    await world.heal()
    const task = await world.row()
    expect(task).toMatchObject({ status: 'COMPLETED', result: { json: '"echo: x"' } })
    expect(world.model.runs).toHaveLength(1)
    expect(task?.usage?.inputTokens).toBe(1)
  })

  it('distinguishes two equal calls, also within steps', async () => {
    const world = makeAttachWorld(async ({ model, step }) => [
      await step('one', () => model.complete({ prompt: 'x' })),
      await step('two', () => model.complete({ prompt: 'x' })),
      await Promise.all([model.complete({ prompt: 'x' }), model.complete({ prompt: 'x' })]),
    ])
    world.model.answerTo = (_, nth) => `answer ${nth}`
    await world.submit()
    world.work({ atCall: 16, isApplied: false })
    await world.clock.advance(200_000)
    await world.heal()
    const { result, status } = (await world.row()) ?? {}
    expect(status).toBe('COMPLETED')
    expect(new Set(JSON.parse((result as { json: string }).json).flat()).size).toBe(4)
    expect(world.model.runs.length).toBeLessThanOrEqual(5)
  })

  it('resumes the call of a crashed attempt after a retry by hand', async () => {
    const world = makeAttachWorld(async ({ model }) => model.complete({ prompt: 'x' }))
    await world.submit({ maxAttempts: 1 } as never)
    await world.workUntilNoted()
    for (let round = 0; round < 4; round += 1) {
      await world.clock.advance(61_000)
      await sweep({ ...world.worker, lanes: world.lanes }, world.clock.now() + 60_000)
    }
    expect(await world.row()).toMatchObject({ status: 'FAILED', error: { code: 'worker_crashed' } })
    await retryTask(world, KEY)
    await world.heal()
    expect(await world.row()).toMatchObject({ status: 'COMPLETED' })
    expect(world.model.runs).toHaveLength(1)
  })
})

describe('a cancel', () => {
  it('stops the call at the provider', async () => {
    const world = makeAttachWorld()
    await world.submit()
    world.work()
    await world.clock.advance(5_000)
    await cancelTask(world, KEY)
    await world.clock.advance(5_000)
    expect(world.model.cancelled).toEqual(['run-1'])
  })

  it('stops the call of a dead worker when its message comes back', async () => {
    const world = makeAttachWorld()
    await world.submit()
    await world.workUntilNoted()
    await cancelTask(world, KEY)
    expect(world.model.cancelled).toEqual([])
    await world.heal()
    expect(world.model.cancelled).toContain('run-1')
    expect(await world.row()).toMatchObject({ status: 'CANCELLED' })
  })

  it('between the call and the write of its id stops the call too', async () => {
    const world = makeAttachWorld()
    const { background } = world.model
    if (!background) throw new Error('no background')
    const { start } = background
    Object.assign(background, {
      start: async (...args: Parameters<typeof start>) => {
        const started = await start(...args)
        await cancelTask(world, KEY)
        return started
      },
    })
    await world.submit()
    world.work()
    await world.clock.advance(5_000)
    expect(world.model.cancelled).toEqual(['run-1'])
    expect(await world.row()).toMatchObject({ status: 'CANCELLED' })
  })

  it('leaves no call running, and neither does a task that failed', async () => {
    const world = makeAttachWorld(async ({ model, sleep }) => {
      await Promise.all([
        model.complete({ prompt: 'slow' }),
        sleep(5_000).then(() => {
          throw new TaskError('no use')
        }),
      ])
    })
    await world.submit()
    world.work()
    await world.clock.advance(10_000)
    expect(await world.row()).toMatchObject({ status: 'FAILED' })
    expect(world.model.cancelled).toEqual(['run-1'])
  })

  it('by a process that lost its lease stops nothing: the next attempt has resumed the call', async () => {
    const world = makeAttachWorld(async ({ model }) => model.complete({ prompt: 'x' }))
    world.model.callMs = 100_000
    await world.submit()
    // Suspended after its call began, for longer than its lease.
    await world.workUntilNoted(80_000)
    await world.heal()
    expect(await world.row()).toMatchObject({ status: 'COMPLETED' })
    expect(world.model.runs).toHaveLength(1)
    expect(world.model.cancelled).toEqual([])
  })
})

describe('a list of models', () => {
  it('stops the call to the first when it continues with the second, and a later attempt resumes with that one', async () => {
    const world = makeAttachWorld(async ({ model }) => model.complete({ prompt: 'x', model: ['a', 'b'] }))
    world.model.answerTo = ({ model }) => {
      if (model === 'a') throw new ProviderError('provider_unavailable', 'x', 'counted', 'memory')
      return 'from b'
    }
    await world.submit()
    const death = { atCall: Number.POSITIVE_INFINITY, isApplied: false }
    world.work(death)
    // Dies while the call to b is in progress.
    await world.clock.advance(50_000)
    death.atCall = 0
    await world.heal()
    expect(await world.row()).toMatchObject({ status: 'COMPLETED', result: { json: '"from b"' } })
    expect(world.model.runs.map(({ request }) => request.model)).toEqual(['a', 'b'])
  })
})

import { describe, expect, it } from 'vitest'
import { cleanUp } from '../../functions/core/application/repair/clean-up.ts'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { runBatch } from '../../functions/core/application/run/run-batch.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import { retryTask } from '../../functions/core/application/tasks/retry-task.ts'
import { TaskError } from '../../functions/core/domain/errors.ts'
import { stepLifeOf } from '../../functions/core/domain/step.ts'
import type { TaskContext } from '../../functions/core/kit/index.ts'
import type { ModelRequest } from '../../functions/core/ports/model-provider.ts'
import { queuePorts } from '../fixtures/memory-queue.ts'
import { type Death, Life } from '../fixtures/mortal.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const KEY = { tenant: 'acme', id: 'derived-acme-key' }
const PARTS = ['a', 'b', 'c', 'd']
const LARGE = 'x'.repeat(20_000)

/** A world whose task makes a paid call per part and one for all; calls are counted by prompt. */
function makeSteppedWorld(run?: (context: TaskContext<unknown>) => Promise<unknown>) {
  const calls = new Map<string, number>()
  const usual = async ({ step, map, model }: TaskContext<unknown>) => {
    const outline = await step('outline', () => model.complete({ prompt: 'outline' }))
    const notes = await map(PARTS, (part) => model.complete({ prompt: part }), {
      name: 'part',
      concurrency: 1,
    })
    return step('summary', () => model.complete({ prompt: 'all' }), { inputs: [outline, notes] })
  }
  const world = makeWorld(run ?? (usual as never))
  const provider = {
    ...world.provider,
    generate: async ({ messages }: ModelRequest) => {
      const prompt = String(messages[0]?.content)
      calls.set(prompt, (calls.get(prompt) ?? 0) + 1)
      // Large enough for the bucket, in two of them.
      return {
        text: `${prompt} ${prompt === 'a' || prompt === 'b' ? LARGE : ''}`,
        usage: { inputTokens: 1, outputTokens: 2, cachedTokens: null, reasoningTokens: null },
        finishReason: 'stop' as const,
      }
    },
  }
  const submit = (maxAttempts = 3) =>
    submitTask(world, {
      ...SUBMISSION,
      idempotencyKey: 'key',
      input: null,
      maxAttempts,
      timeoutMs: 120_000,
    })
  const work = (death?: Death) => {
    const life = new Life(death, (ms) => world.clock.sleep(ms))
    const { worker } = world
    const mortal = {
      ...worker,
      store: life.wrap(worker.store),
      ...queuePorts(life.wrap(world.queue)),
      payloads: life.wrap({ ...worker.payloads }),
      steps: life.wrap(worker.steps),
      providers: { forModel: async () => life.wrap(provider) },
    }
    return { life, running: pollLane(world, { worker: mortal }).batch }
  }
  const heal = async () => {
    for (let round = 0; round < 12; round += 1) {
      await sweep({ ...world.worker, lanes: world.lanes }, world.clock.now() + 60_000)
      work()
      await world.clock.advance(61_000)
    }
  }
  return { ...world, calls, submit, work, heal, row: () => world.store.get(KEY) }
}

describe('a task with steps whose process dies', () => {
  const deaths = Array.from({ length: 48 }, (_, index) => ({
    atCall: 1 + Math.floor(index / 2),
    isApplied: index % 2 === 1,
  }))

  it.each(deaths)(
    'at call $atCall, applied: $isApplied, does not pay again for a stored step',
    async (death) => {
      const world = makeSteppedWorld()
      await world.submit()
      const { life } = world.work(death)
      await world.clock.settle()
      const before = await world.row()
      const kept = before ? await world.steps.list(KEY, stepLifeOf(before)) : []
      const paidBefore = new Map(world.calls)
      await world.heal()
      const task = await world.row()
      expect(task?.status).toBe('COMPLETED')
      expect(task?.result).toEqual({ json: '"all "' })
      // Stored results are never requested again; the call in progress is repeated once.
      const names: Record<string, string> = { outline: 'outline', summary: 'all' }
      for (const { name } of kept) {
        const prompt = names[name] ?? (PARTS[Number(name.split(' ')[1]) - 1] as string)
        expect([prompt, world.calls.get(prompt)]).toEqual([prompt, paidBefore.get(prompt)])
      }
      const total = [...world.calls.values()].reduce((sum, count) => sum + count, 0)
      // The sum contains each paid and stored result exactly once, whichever attempt ended.
      expect(task?.usage?.inputTokens).toBeLessThanOrEqual(total)
      expect(task?.usage?.inputTokens).toBeGreaterThanOrEqual(PARTS.length + 2)
      expect(total).toBeLessThanOrEqual(life.isOver ? PARTS.length + 3 : PARTS.length + 2)
    },
  )

  it('the crashes above cover every case: some stored no step, some stored all', async () => {
    const world = makeSteppedWorld()
    await world.submit()
    let count = 0
    const life = new Life({ atCall: 1_000, isApplied: false }, () => Promise.resolve())
    const counting = <Port extends object>(port: Port): Port =>
      new Proxy(life.wrap(port), {
        get: (target, name) => {
          count += 1
          return Reflect.get(target, name, target)
        },
      })
    const { worker } = world
    const deliveries = world.queue.receive('ai')
    const running = runBatch(
      { ...worker, store: counting(worker.store), steps: counting(worker.steps) },
      deliveries,
      world.clock.now() + 300_000,
    )
    await running
    expect(count).toBeLessThan(24)
    expect((await world.row())?.status).toBe('COMPLETED')
  })
})

describe('a task with steps whose every attempt dies', () => {
  const die = async (world: ReturnType<typeof makeSteppedWorld>) => {
    world.work({ atCall: 16, isApplied: false })
    await world.clock.settle()
    await world.clock.advance(91_000)
  }
  const sweepAll = (world: ReturnType<typeof makeSteppedWorld>) =>
    sweep({ ...world.worker, lanes: world.lanes }, world.clock.now() + 60_000)

  it.each([
    ['the sweeper', sweepAll],
    [
      'its own message',
      async (world: ReturnType<typeof makeSteppedWorld>) => void (await world.work().running),
    ],
  ])('is ended by %s with what its kept steps had cost', async (_who, end) => {
    const world = makeSteppedWorld()
    await world.submit(1)
    await die(world)
    const running = await world.row()
    if (!running) throw new Error('no row')
    const kept = await world.steps.list(KEY, stepLifeOf(running))
    expect(kept.length).toBeGreaterThan(1)
    await end(world)
    expect(await world.row()).toMatchObject({
      status: 'FAILED',
      error: { code: 'worker_crashed' },
      usage: { inputTokens: kept.length, outputTokens: 2 * kept.length },
    })
  })

  it('counts no cost twice', async () => {
    const world = makeSteppedWorld()
    await world.submit(2)
    await die(world)
    // The second attempt books the first one's stored results and ends before it writes them.
    world.work({ atCall: 7, isApplied: false })
    await world.clock.settle()
    await world.clock.advance(91_000)
    const row = await world.row()
    const kept = row ? await world.steps.list(KEY, stepLifeOf(row)) : []
    await sweepAll(world)
    expect(await world.row()).toMatchObject({ status: 'FAILED', usage: { inputTokens: kept.length } })
  })
})

describe('steps', () => {
  it('are kept by a retry by hand, and deleted by a retry from the start', async () => {
    let fails = true
    const world = makeSteppedWorld(async ({ step, model }) => {
      const value = await step('paid', () => model.complete({ prompt: 'paid' }))
      if (fails) throw new TaskError('not yet')
      return value
    })
    await world.submit()
    await world.heal()
    expect((await world.row())?.status).toBe('FAILED')
    await retryTask(world, KEY)
    await world.heal()
    expect(world.calls.get('paid')).toBe(1)
    await retryTask(world, KEY, { isFromStart: true })
    expect((await world.row())?.stepsSince).toBeUndefined()
    fails = false
    await world.heal()
    expect((await world.row())?.status).toBe('COMPLETED')
    expect(world.calls.get('paid')).toBe(2)
  })

  it('of a stale attempt: its value belongs to the run before a retry from the start, and never to the run after it', async () => {
    const release: ((value: string) => void)[] = []
    const given: unknown[] = []
    const world = makeSteppedWorld(async ({ step, attempt }) => {
      const value = await step(
        'slow',
        () => new Promise<string>((resolve) => release.push((text) => resolve(`${text} ${attempt}`))),
      )
      given.push(value)
      return value
    })
    await world.submit()
    const stale = world.work()
    await world.clock.settle()
    await cancelTask(world, KEY)
    await retryTask(world, KEY, { isFromStart: true })
    world.work()
    await world.clock.settle()
    expect(release).toHaveLength(2)
    release[0]?.('old')
    await world.clock.settle()
    release[1]?.('new')
    await world.clock.advance(5_000)
    await stale.running
    expect((await world.row())?.result).toEqual({ json: '"new 1"' })
  })

  it('are shown with their cost, and deleted with the row, large values too', async () => {
    const world = makeSteppedWorld()
    await world.submit()
    await world.heal()
    const task = await world.row()
    if (!task) throw new Error('no row')
    const steps = await world.steps.list(KEY, stepLifeOf(task))
    expect(steps.map(({ name }) => name)).toEqual([
      'outline',
      ...PARTS.map((_, index) => `part ${index + 1} of 4`),
      'summary',
    ])
    expect(steps[0]?.usage).toMatchObject({ inputTokens: 1, outputTokens: 2 })
    expect(steps.filter(({ value }) => 'key' in value)).not.toHaveLength(0)
    expect(Number(task.reapAt)).toBeGreaterThan(Number(task.ttl))
    await world.clock.advance(8 * 86_400_000)
    await cleanUp(world, Number.POSITIVE_INFINITY)
    expect(world.steps.items.size).toBe(0)
    expect(world.payloads.objects.size).toBe(0)
    expect(await world.row()).toBeUndefined()
  })

  it('that run in parallel each have their own cost, and a failed one does not prevent that the others are stored', async () => {
    const world = makeSteppedWorld(async ({ map, model }) =>
      map(
        [1, 2, 3],
        async (count) => {
          for (let call = 0; call < count; call += 1) await model.complete({ prompt: `${count}` })
          if (count === 1) throw new TaskError('one fails')
          return count
        },
        { name: 'n', concurrency: 3 },
      ),
    )
    await world.submit()
    await world.heal()
    const task = await world.row()
    if (!task) throw new Error('no row')
    expect(task.error?.message).toBe('one fails')
    const steps = await world.steps.list(KEY, stepLifeOf(task))
    expect(steps.map(({ name, usage }) => [name, usage?.inputTokens])).toEqual([
      ['n 2 of 3', 2],
      ['n 3 of 3', 3],
    ])
  })
})

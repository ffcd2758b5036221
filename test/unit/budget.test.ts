import { describe, expect, it } from 'vitest'
import { scheduleTimes } from '../../functions/core/adapters/croner/schedule-times.ts'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import type { RunDependencies } from '../../functions/core/application/run/run-task.ts'
import { createSchedule } from '../../functions/core/application/schedule/change-schedule.ts'
import { fireSchedule } from '../../functions/core/application/schedule/fire-schedule.ts'
import { admitTask } from '../../functions/core/application/submit/admit-task.ts'
import { type Admission, submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { worstTaskCost } from '../../functions/core/application/submit/worst-task-cost.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import { retryTask } from '../../functions/core/application/tasks/retry-task.ts'
import { mayStillSpend, spentMicroUsd } from '../../functions/core/domain/budget.ts'
import { costMicroUsd } from '../../functions/core/domain/cost.ts'
import { TaskError } from '../../functions/core/domain/errors.ts'
import type { TenantLimits } from '../../functions/core/domain/limits.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import type { TaskContext } from '../../functions/core/kit/index.ts'
import textGenerate from '../../functions/tasks/text-generate/task.ts'
import { MemoryMeter } from '../fixtures/memory-meter.ts'
import { queuePorts } from '../fixtures/memory-queue.ts'
import { MemorySchedules } from '../fixtures/memory-schedules.ts'
import type { MemoryStore } from '../fixtures/memory-store.ts'
import { type Death, Life } from '../fixtures/mortal.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const WORST = 400_000
/** With gpt-4o, at $2.50 and $10 per million tokens. */
const ANSWER = { inputTokens: 100, outputTokens: 1_000, cachedTokens: null, reasoningTokens: null }
const COST = 10_250

/** A world whose tenants have a budget of a dollar a day, and whose tasks call gpt-4o. */
function open(
  run?: (context: TaskContext<unknown>) => Promise<unknown>,
  limits: TenantLimits = { budget: { usdPerDay: 1 } },
) {
  const asks = async ({ model }: TaskContext<unknown>) => model.complete({ prompt: 'x', maxTokens: 1_000 })
  const world = makeWorld((run ?? asks) as never)
  const meter = new MemoryMeter()
  const { clock, store, log } = world
  const provider = {
    name: 'openai',
    generate: async () => ({ text: 'answer', usage: ANSWER, finishReason: 'stop' as const }),
  }
  const with_ = (ports: { meter: MemoryMeter; store: typeof store }) => {
    const admission: Admission = {
      admit: async (task, origin) => admitTask({ ...ports, limits, clock, log }, task, origin),
      giveBack: ({ tenant, id }, held) =>
        ports.meter.settle(tenant, { id, held, spentMicroUsd: 0 }, clock.now()),
    }
    const followUps = {
      ...world.followUps,
      release: async (task: Task) => {
        if (!task.held) return
        if (mayStillSpend(task, clock.now())) return 'later'
        await ports.meter.settle(
          task.tenant,
          { id: task.id, held: task.held, spentMicroUsd: spentMicroUsd(task) },
          clock.now(),
        )
      },
    }
    return {
      ...world.worker,
      store: ports.store,
      admission,
      followUps,
      providers: { forModel: async () => provider },
      priceOf: costMicroUsd,
    }
  }
  const worker = with_({ meter, store }) as RunDependencies & ReturnType<typeof with_>
  const submit = (more: object = {}, by: typeof worker = worker) =>
    submitTask(by, { ...SUBMISSION, model: 'gpt-4o', worstMicroUsd: WORST, ...more })
  const totals = async () => {
    const { heldMicroUsd, dayMicroUsd } = await meter.totals('acme', clock.now())
    return [heldMicroUsd, dayMicroUsd - heldMicroUsd]
  }
  const get = async (task: { tenant: string; id: string }) => (await store.get(task)) as Task
  const sweepAll = () => sweep({ ...world, ...worker, ...queuePorts(world.queue) }, clock.now() + 60_000)
  return {
    world,
    clock,
    store: store as MemoryStore,
    meter,
    worker,
    with_,
    submit,
    totals,
    get,
    sweepAll,
    poll: () => pollLane(world, { worker }).batch,
  }
}

describe('the budget of a task', () => {
  it('is reserved at the submit, and its cost replaces the reservation at its end', async () => {
    const { submit, totals, poll } = open()
    await submit()
    expect(await totals()).toEqual([WORST, 0])
    await poll()
    expect(await totals()).toEqual([0, COST])
  })

  it('is refused when spending and reservations leave too little, and a replay is still answered', async () => {
    const { submit, poll } = open()
    await submit({ idempotencyKey: 'k' })
    await submit()
    await expect(submit()).rejects.toMatchObject({
      code: 'budget_exhausted',
      detail: { budget: { left_usd: 0.2 } },
    })
    expect(await submit({ idempotencyKey: 'k' })).toMatchObject({ isReplay: true })
    await poll()
    await submit()
  })

  it('is released in full by a task that never ran, and keeps the cost of a failed one', async () => {
    const { world, submit, totals, poll, worker } = open(async ({ model }) => {
      await model.complete({ prompt: 'x', maxTokens: 1_000 })
      throw new TaskError('no')
    })
    const { task } = await submit()
    await cancelTask({ ...world, ...worker }, task)
    expect(await totals()).toEqual([0, 0])
    await submit()
    await poll()
    expect(await totals()).toEqual([0, COST])
  })

  it('of a cancelled task is settled when its worker has stopped, with the cost of the attempt', async () => {
    const asked = Promise.withResolvers<void>()
    const { world, clock, submit, totals, worker } = open(async ({ model, signal }) => {
      await model.complete({ prompt: 'x', maxTokens: 1_000 })
      asked.resolve()
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    const { task } = await submit()
    const { batch } = pollLane(world, { worker })
    await asked.promise
    await cancelTask({ ...world, ...worker }, task)
    expect(await totals()).toEqual([WORST, 0])
    await clock.advance(10_000)
    await batch
    expect(await totals()).toEqual([0, COST])
  })

  it('of a cancelled task whose worker died is settled after its lease', async () => {
    const { world, clock, submit, totals, worker, sweepAll, with_, store, meter } = open()
    const { task } = await submit()
    const life = new Life({ atCall: 2, isApplied: false }, clock.sleep)
    void pollLane(world, { worker: with_({ store: life.wrap(store), meter }) as typeof worker })
    await clock.settle()
    await cancelTask({ ...world, ...worker }, task)
    await sweepAll()
    expect(await totals()).toEqual([WORST, 0])
    // Not 503: the caller is early, and no service is down.
    await expect(retryTask({ ...world, ...worker }, task)).rejects.toMatchObject({ code: 'wrong_state' })
    await clock.advance(120_000)
    await sweepAll()
    expect(await totals()).toEqual([0, 0])
  })

  it('is reserved again by a retry, once for two at the same time, or the task stays unchanged', async () => {
    const { world, submit, totals, poll, worker, get, clock } = open(async ({ model }) => {
      await model.complete({ prompt: 'x', maxTokens: 1_000 })
      throw new TaskError('no')
    })
    const { task } = await submit()
    await poll()
    await clock.advance(1_000)
    const both = await Promise.allSettled([1, 2].map(() => retryTask({ ...world, ...worker }, task)))
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await totals()).toEqual([WORST, COST])
    await poll()
    expect(await totals()).toEqual([0, 2 * COST])
    expect((await get(task)).usage?.costMicroUsd).toBe(2 * COST)
    await submit()
    await submit()
    await expect(retryTask({ ...world, ...worker }, task)).rejects.toMatchObject({ code: 'budget_exhausted' })
    expect(await get(task)).toMatchObject({ status: 'FAILED', epoch: 2 })
  })

  it('with an unknown cost counts as the whole reservation', async () => {
    const { submit, totals, poll, worker } = open()
    Object.assign(worker, { priceOf: () => null })
    await submit()
    await poll()
    expect(await totals()).toEqual([0, WORST])
  })

  it('is not exceeded by any number of calls, and parallel calls wait for each other', async () => {
    let most = 0
    const { submit, totals, poll, get } = open(async ({ model, map }) => {
      const calls = Array.from({ length: 40 }, (_, index) => index)
      await map(
        calls,
        async () => {
          await model.complete({ prompt: 'x', maxTokens: 1_000 })
          most += 1
        },
        { name: 'part', concurrency: 8 },
      )
    })
    const { task } = await submit()
    await poll()
    expect(await get(task)).toMatchObject({
      status: 'FAILED',
      attempt: 1,
      error: { code: 'cost_limit_reached', retryable: false },
    })
    const [held = 0, spent = 0] = await totals()
    expect(held).toBe(0)
    expect(spent).toBe(most * COST)
    expect(spent).toBeLessThanOrEqual(WORST)
    expect(most).toBeGreaterThan(30)
  })

  it('is limited by max_cost_usd when the tenant has no budget', async () => {
    const { submit, poll, get } = open(async ({ model }) => {
      for (;;) await model.complete({ prompt: 'x', maxTokens: 1_000 })
    }, {})
    const { task } = await submit({ maxCostMicroUsd: 30_000 })
    await poll()
    expect(await get(task)).toMatchObject({
      error: { code: 'cost_limit_reached' },
      usage: { costMicroUsd: 20_500 },
    })
  })

  it('is also reserved for a task of a schedule, and a refused one is recorded as missed', async () => {
    const { world, worker, clock, submit, store } = open()
    const schedules = new MemorySchedules()
    const dependencies = { ...worker, schedules, times: scheduleTimes }
    await submit()
    await submit()
    const {
      tenant: _tenant,
      bodyHash: _hash,
      ...kept
    } = { ...SUBMISSION, model: 'gpt-4o', worstMicroUsd: WORST }
    const { schedule } = await createSchedule(
      { ...dependencies, ids: world.ids } as never,
      { tenant: 'acme', id: 's1' },
      {
        name: 'each minute',
        timing: { kind: 'cron', expression: '* * * * *', timezone: 'UTC' },
        overlap: 'allow',
        missed: 'skip',
        jitterMs: 0,
        task: '{}',
        submission: JSON.stringify(kept),
      },
      'hash',
    )
    const before = store.rows.size
    await clock.advance(61_000)
    await fireSchedule({ ...dependencies, ids: world.ids } as never, schedule)
    expect(store.rows.size).toBe(before)
    expect(await schedules.get(schedule)).toMatchObject({ fired: 0 })
    expect((await schedules.get(schedule))?.missedCount).toBeGreaterThan(0)
    expect((await schedules.get(schedule))?.lastRefused).toMatchObject({ code: 'budget_exhausted' })
    expect(world.events).toContainEqual(
      expect.objectContaining({
        event: 'schedule.refused',
        fields: expect.objectContaining({ code: 'budget_exhausted' }),
      }),
    )
  })

  it('is reported to the operators from 80 % on', async () => {
    const { world, submit } = open()
    await submit()
    expect(world.events.filter(({ event }) => event === 'budget.high')).toEqual([])
    await submit()
    expect(world.events).toContainEqual({
      event: 'budget.high',
      fields: { tenant: 'acme', used_percent: 80 },
    })
  })
})

describe('a process that dies at any call of a submit, a run or a settlement', () => {
  const deaths = Array.from({ length: 14 }, (_, index) => [index + 1, index] as const).flatMap(([atCall]) =>
    [true, false].map((isApplied) => ({ atCall, isApplied })),
  )
  it.each(deaths)('call $atCall, applied: $isApplied: each is settled once', async (death: Death) => {
    const { world, clock, submit, totals, meter, store, with_, worker, sweepAll, poll } = open()
    const life = new Life(death, clock.sleep)
    const mortal = with_({ meter: life.wrap(meter), store: life.wrap(store) }) as typeof worker
    void submit({ idempotencyKey: 'k' }, mortal).catch(() => undefined)
    await clock.settle()
    void pollLane(world, { worker: mortal }).batch.catch(() => undefined)
    await clock.settle()
    await clock.advance(1)
    // The caller repeats the submit; leases end, messages become visible again, the sweeper runs.
    await submit({ idempotencyKey: 'k' })
    for (let minute = 0; minute < 12; minute += 1) {
      await clock.advance(60_000)
      await sweepAll()
      await poll()
      await clock.settle()
    }
    const [held, spent = 0] = await totals()
    expect(held).toBe(0)
    const [task] = [...store.rows.values()]
    // Paid once, or twice when the process died between the answer and the result.
    expect(spent).toBe(task?.usage?.costMicroUsd)
    expect([COST, 2 * COST]).toContain(spent)
    expect(task).toMatchObject({ status: 'COMPLETED' })
    expect(task?.pending).toBeUndefined()
  })
})

describe('the highest possible cost of a task', () => {
  const type = { name: 'text.generate', limits: {}, spends: textGenerate.spends }
  const budget = { usdPerDay: 1 }
  const input = { prompt: 'x'.repeat(800), max_tokens: 1_000 }
  const ask = (more: object = {}, by: object = budget) =>
    worstTaskCost(type as never, { model: 'gpt-4o', input, maxAttempts: 2, ...more }, by)

  it('is that of its text, its longest answer and all its attempts', () => {
    // (800 + 200) × $2.50 and 1,000 × $10, per million, twice.
    expect(ask()).toEqual({ microUsd: 2 * (2_500 + 10_000) })
    expect(ask({ input: { prompt: 'x'.repeat(800) } })).toEqual({ microUsd: 2 * (2_500 + 40_960) })
    expect(ask({ input: { prompt: 'x'.repeat(800) } }, { ...budget, outputTokens: 100 })).toEqual({
      microUsd: 2 * (2_500 + 1_000),
    })
  })

  it('uses the most expensive of a list of models', () => {
    expect(
      ask({ model: 'gpt-4o-mini', input: { ...input, fallback_models: ['gpt-3.5-turbo', 'gpt-4o'] } }),
    ).toEqual(ask())
  })

  it('includes pictures, and the higher price of long calls from their limit on', () => {
    const picture = {
      role: 'user',
      content: [{ type: 'image', media_type: 'image/png', base64: 'iVBORw0KGgo=' }],
    }
    expect(ask({ input: { messages: [picture], max_tokens: 1 } })).toEqual({
      microUsd: 2 * (5_200 * 2.5 + 10),
    })
    const long = { prompt: 'x'.repeat(300_000), max_tokens: 1 }
    expect(ask({ model: 'gpt-5.4', input: long, maxAttempts: 1 })).toEqual({
      microUsd: Math.ceil(300_200 * 5 + 22.5),
    })
  })

  it('is the limit of the caller or the type, where that is lower or nothing else is known', () => {
    expect(ask({ maxCostUsd: 0.001 })).toEqual({ microUsd: 1_000 })
    const several = { name: 'document.process', limits: {} }
    const asked = { model: 'gpt-4o', input: {}, maxAttempts: 2 }
    expect(worstTaskCost(several, asked, budget)).toMatchObject({ path: 'max_cost_usd' })
    expect(worstTaskCost(several, { ...asked, maxCostUsd: 0.5 }, budget)).toEqual({ microUsd: 500_000 })
    expect(worstTaskCost({ ...several, limits: { maxCostUsd: 2 } }, asked, budget)).toEqual({
      microUsd: 2_000_000,
    })
  })

  it('with a model without a price is refused, or limited where the stage says so', () => {
    expect(ask({ model: 'llama3' })).toMatchObject({ path: 'model' })
    expect(ask({ model: 'llama3' }, { ...budget, unknownUsdPerMillionTokens: 3 })).toEqual({
      microUsd: 2 * 2_000 * 3,
    })
    expect(ask({ input: { ...input, fallback_models: ['llama3'] } })).toMatchObject({ path: 'model' })
    expect(ask({ model: 'simulated-fast' })).toEqual({ microUsd: 0 })
  })
})

import { describe, expect, it } from 'vitest'
import { readTaskStats, readUsageStats } from '../../functions/core/application/operate/read-stats.ts'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { tallyEnd } from '../../functions/core/application/shared/tally-end.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import { retryTask } from '../../functions/core/application/tasks/retry-task.ts'
import { TaskError } from '../../functions/core/domain/errors.ts'
import type { TaskContext } from '../../functions/core/kit/index.ts'
import { queuePorts } from '../fixtures/memory-queue.ts'
import { MemoryTallies } from '../fixtures/memory-tallies.ts'
import { type Death, Life } from '../fixtures/mortal.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const KEY = { tenant: 'acme', id: 'derived-acme-key' }

/** One task, whose attempts each make a paid call, then end as `end` says. */
function makeTalliedWorld(end: 'completes' | 'fails' | 'waits' = 'completes') {
  const world = makeWorld((async ({ model, sleep }: TaskContext<unknown>) => {
    const answer = await model.complete({ prompt: 'hi' })
    if (end === 'fails') throw new TaskError('never works')
    if (end === 'waits') await sleep(70_000)
    return answer
  }) as never)
  const tallies = new MemoryTallies()
  // The simulated provider costs nothing.
  const provided = { forModel: async () => ({ ...world.provider, name: 'openai' }) }
  const mortal = (life: Life) => ({
    ...world.worker,
    lanes: world.lanes,
    store: life.wrap(world.worker.store),
    ...queuePorts(life.wrap(world.queue)),
    providers: provided,
    priceOf: () => 5,
    followUps: { ...world.worker.followUps, tally: tallyEnd(life.wrap(tallies)) },
  })
  const alive = () => mortal(new Life(undefined, world.clock.sleep))
  return {
    ...world,
    tallies,
    mortal,
    alive,
    submit: () =>
      submitTask(
        { ...world, isTallied: true },
        {
          ...SUBMISSION,
          tags: ['one', 'two'],
          model: 'gpt-4o',
          idempotencyKey: 'key',
          input: null,
          maxAttempts: 3,
        },
      ),
    work: (death?: Death) => {
      const life = new Life(death, world.clock.sleep)
      pollLane(world, { worker: mortal(life) })
      return life
    },
    heal: async () => {
      for (let round = 0; round < 12; round += 1) {
        await sweep(alive(), world.clock.now() + 60_000)
        pollLane(world, { worker: alive() })
        await world.clock.advance(61_000)
      }
    },
    row: () => world.store.get(KEY),
  }
}
type TalliedWorld = ReturnType<typeof makeTalliedWorld>

/** The counts of hours and days equal the row. */
async function check(world: TalliedWorld, counts: Record<string, number>): Promise<void> {
  const row = await world.row()
  expect(row?.dueAt).toBeUndefined()
  for (const hours of [24, 200]) {
    const stats = await readTaskStats({ ...world }, 'acme', hours)
    expect(stats.counts).toEqual(counts)
    const { total, byModel, byType, byDay, byTag } = await readUsageStats(world, 'acme', hours)
    const use = {
      tasks: row?.usage ? 1 : 0,
      inputTokens: row?.usage?.inputTokens ?? 0,
      outputTokens: row?.usage?.outputTokens ?? 0,
      costMicroUsd: row?.usage?.costMicroUsd ?? 0,
      savedMicroUsd: row?.usage?.savedMicroUsd ?? 0,
    }
    expect(total).toEqual(use)
    for (const by of [byModel, byType, byDay])
      expect(Object.values(by).reduce((sum, { costMicroUsd }) => sum + (costMicroUsd ?? 0), 0)).toBe(
        use.costMicroUsd,
      )
    expect(byTag).toEqual(row?.usage ? { one: use, two: use } : {})
  }
}

describe('the counts of a task whose process dies', () => {
  for (const end of ['completes', 'fails'] as const)
    it(`before or after any call of the attempt that ${end}, match the row and count it once`, async () => {
      let deaths = 0
      for (let atCall = 1; ; atCall += 1) {
        let wasStricken = false
        for (const isApplied of [false, true]) {
          const world = makeTalliedWorld(end)
          await world.submit()
          const life = world.work({ atCall, isApplied })
          await world.clock.advance(1_000)
          wasStricken ||= life.isStricken
          if (life.isStricken) deaths += 1
          await world.heal()
          await check(world, { [end === 'fails' ? 'FAILED' : 'COMPLETED']: 1 })
        }
        if (!wasStricken) break
      }
      expect(deaths).toBeGreaterThan(8)
    })

  it('that is cancelled while it runs: its cost is added when it is known, once', async () => {
    let deaths = 0
    for (let atCall = 1; atCall < 20; atCall += 1)
      for (const isApplied of [false, true]) {
        const world = makeTalliedWorld('waits')
        await world.submit()
        const life = world.work({ atCall, isApplied })
        await world.clock.advance(2_500)
        await cancelTask(world.alive(), KEY)
        await world.clock.advance(10_000)
        if (life.isStricken) deaths += 1
        await world.heal()
        await check(world, { CANCELLED: 1 })
      }
    expect(deaths).toBeGreaterThan(8)
  })

  it('are correct when the cancelling process dies, and when a sweeper dies', async () => {
    for (let atCall = 1; atCall < 8; atCall += 1)
      for (const isApplied of [false, true]) {
        const world = makeTalliedWorld('waits')
        await world.submit()
        world.work()
        await world.clock.advance(2_500)
        void cancelTask(world.mortal(new Life({ atCall, isApplied }, world.clock.sleep)), KEY).catch(() => 0)
        await world.clock.advance(65_000)
        const dying = new Life({ atCall: atCall + 1, isApplied }, world.clock.sleep)
        void sweep(world.mortal(dying), world.clock.now() + 60_000).catch(() => 0)
        await world.clock.advance(65_000)
        await world.heal()
        const { status = '' } = (await world.row()) ?? {}
        await check(world, { [status]: 1 })
      }
  })

  it('after a retry by hand have another end, with only the retry’s own usage', async () => {
    const world = makeTalliedWorld('fails')
    await world.submit()
    world.work()
    await world.clock.advance(1_000)
    await check(world, { FAILED: 1 })
    await retryTask(world.alive(), KEY)
    world.work()
    await world.clock.advance(1_000)
    expect((await world.row())?.usage?.costMicroUsd).toBe(10)
    await check(world, { FAILED: 2 })
    // The end is not counted yet: it is added before the next epoch begins.
    world.work({ atCall: 3, isApplied: true })
    await retryTask(world.alive(), KEY)
    await world.heal()
    await check(world, { FAILED: 3 })
  })
})

import { expect, it } from 'vitest'
import { retryTask } from '../../functions/core/application/tasks/retry-task.ts'
import { NO_TALLY_USAGE } from '../../functions/core/domain/tally.ts'
import { recordTalliedCancelledUsage } from '../../functions/core/domain/transitions.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { makeWorld } from '../fixtures/world.ts'

it('a retry at the moment when its cancelled attempt reports usage counts the usage first, then starts', async () => {
  const world = makeWorld()
  const { clock, store } = world
  const owed = { pending: ['tally'], dueAt: clock.now() + 60_000, dueKind: 'timed' } as const
  const task = makeTask(clock.now(), { status: 'CANCELLED', token: 'token', isTallied: true, ...owed })
  await store.create(task)
  const usage = { inputTokens: 7, outputTokens: 3, costMicroUsd: 12, provider: 'simulated' }
  const counted: number[] = []
  const tally = Object.assign(
    async ({ epoch, usage: known }: typeof task) => {
      counted.push(known?.inputTokens ?? 0)
      const seen = await store.get(task)
      // During the first count.
      if (counted.length === 1 && seen)
        await store.change(task, recordTalliedCancelledUsage(seen, 'token', usage, clock.now() + 5))
      return { ...NO_TALLY_USAGE, inputTokens: known?.inputTokens ?? 0, epoch, additions: counted.length }
    },
    { confirm: () => undefined },
  )
  const retried = await retryTask({ ...world, followUps: { tally } }, task)
  expect(retried).toMatchObject({ status: 'PENDING', epoch: 2 })
  expect(counted).toEqual([0, 7])
})

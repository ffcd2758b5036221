import { expect, it } from 'vitest'
import { createIds } from '../../functions/core/adapters/system/ids.ts'
import { tallyEnd } from '../../functions/core/application/shared/tally-end.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { WRITE_UNITS } from '../../lib/costs/estimate.ts'
import { MemoryTallies } from '../fixtures/memory-tallies.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'
import { MeteredStore } from '../fixtures/write-units.ts'

/** A prompt of 200 bytes, an answer of 1,000, after ten seconds. */
it('a model task costs the write units that the estimate counts', async () => {
  const world = makeWorld(
    async (context) =>
      (context as { model: { complete: (call: object) => Promise<string> } }).model.complete({ prompt: 'x' }),
    (clock) => new MeteredStore(clock.now),
  )
  Object.assign(world.provider, {
    generate: async () => {
      await world.clock.sleep(10_000)
      return {
        text: 'a'.repeat(1_000),
        usage: { inputTokens: 60, outputTokens: 250, cachedTokens: null, reasoningTokens: null },
        finishReason: 'stop',
      }
    },
  })
  const worker = {
    ...world.worker,
    ids: createIds(world.clock.now),
    followUps: { ...world.worker.followUps, tally: tallyEnd(new MemoryTallies()) },
  }
  await submitTask(
    { ...worker, isTallied: true },
    {
      ...SUBMISSION,
      input: { prompt: 'p'.repeat(200) },
      model: 'gpt-3.5-turbo',
      bodyHash: 'h'.repeat(64),
    },
  )
  const { batch } = pollLane({ ...world, worker }, { worker })
  await world.clock.advance(11_000)
  await batch
  const { submitted, claimed, ended, counted } = WRITE_UNITS
  expect((world.store as MeteredStore).writes.map(({ status, units }) => [status, units])).toEqual([
    ['PENDING', submitted],
    ['PROCESSING', claimed],
    ['COMPLETED', ended],
    ['COMPLETED', counted],
  ])
})

import { describe, expect, it } from 'vitest'
import { runBatch } from '../../functions/core/application/run/run-batch.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { type SlotSettings, type SlotUse, simulateSlots } from '../../lib/costs/slots.ts'
import { makeWorld } from '../fixtures/world.ts'

const TASKS = 400
const SETTINGS: SlotSettings = { slots: 10, invocations: 20, pollers: 5, refillSeconds: 600 }

/** The real worker in virtual time, with an event source whose pollers each poll once a second. */
async function runWorkers(
  perSecond: number,
  seconds: number,
): Promise<Pick<SlotUse, 'paidSeconds' | 'used' | 'refilled'>> {
  const world = makeWorld(async (context) => {
    await (context as { sleep: (ms: number) => Promise<void> }).sleep(seconds * 1_000)
  })
  Object.assign(world.worker, { slots: SETTINGS.slots, maxAttemptMs: 240_000 })
  const { clock, queue } = world
  let running = 0
  const poll = async (phase: number) => {
    for (let look = 1; ; look += 1) {
      // Not synchronized with the workers, which start when it finds messages.
      await clock.sleep(500 + ((phase + look * 618) % 1_000))
      const deliveries = running < SETTINGS.invocations ? queue.receive('ai') : []
      if (deliveries.length === 0) continue
      running += 1
      void runBatch(world.worker, deliveries, clock.now() + 900_000).then((again) => {
        running -= 1
        for (const { receipt } of deliveries) if (!again.has(receipt)) queue.delete('ai', receipt)
      })
    }
  }
  for (let n = 0; n < SETTINGS.pollers; n += 1) void poll(n * 170)
  for (let n = 0; n < TASKS; n += 1) {
    await submitTask(world, {
      ...{ tenant: 'acme', type: 'test.run', lane: 'ai', model: null, priority: 0, maxAttempts: 4 },
      ...{ timeoutMs: 240_000, tags: [], bodyHash: 'hash', input: n },
    })
    // No two tasks at the same offset between two polls.
    await clock.advance((1_000 / perSecond) * (0.5 + ((n * 0.618) % 1)))
  }
  for (; running > 0; await clock.advance(1_000));
  const ended = world.events.flatMap(({ event, fields }) => (event === 'batch.finished' ? [fields] : []))
  const sum = (field: string) => ended.reduce((total, fields) => total + Number(fields[field]), 0)
  expect(sum('messages')).toBe(TASKS)
  return {
    paidSeconds: sum('paid_slot_ms') / SETTINGS.slots / 1_000 / TASKS,
    used: sum('slot_ms') / sum('paid_slot_ms'),
    refilled: sum('refilled') / TASKS,
  }
}

describe('the simulation of slots', () => {
  it.each([
    { perSecond: 0.5, seconds: 10 },
    { perSecond: 4, seconds: 10 },
  ])(
    'agrees with the real worker within a fifth: $perSecond tasks a second, $seconds s each',
    async ({ perSecond, seconds }) => {
      const real = await runWorkers(perSecond, seconds)
      const simulated = simulateSlots({ perSecond, seconds, sigma: 0 }, SETTINGS, TASKS)
      expect(real.paidSeconds / simulated.paidSeconds).toBeGreaterThan(0.8)
      expect(real.paidSeconds / simulated.paidSeconds).toBeLessThan(1.2)
      expect(Math.abs(real.refilled - simulated.refilled)).toBeLessThan(0.2)
    },
  )

  it('nearly all slots are used at nine tenths of a lane’s capacity', () => {
    const { used } = simulateSlots({ perSecond: 18, seconds: 10, sigma: 0.45 }, SETTINGS)
    expect(used).toBeGreaterThan(0.85)
  })

  it('without refill, an invocation is paid until its longest task ends', () => {
    const { refilled, invocations } = simulateSlots(
      { perSecond: 0.5, seconds: 10, sigma: 0 },
      { ...SETTINGS, refillSeconds: 0 },
    )
    expect(refilled).toBe(0)
    expect(invocations).toBe(1)
  })

  it('fewer invocations for the same load have fuller batches and cost less', () => {
    const use = (invocations: number) =>
      simulateSlots({ perSecond: 3.8, seconds: 10, sigma: 0.45 }, { ...SETTINGS, invocations }).paidSeconds
    expect(use(5)).toBeLessThan(use(20) / 2)
  })
})

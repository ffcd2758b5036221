import { describe, expect, it } from 'vitest'
import type { WorkerSlots } from '../../functions/core/ports/worker-slots.ts'

/** What every store of workers' slot reports must do. `open` returns an empty one. */
export function workerSlotsContract(name: string, open: () => Promise<WorkerSlots>): void {
  describe(`${name} meets the contract of workers' slot reports`, () => {
    it('sums the workers of each lane, and drops a report when it is too old', async () => {
      const slots = await open()
      expect([...(await slots.read(1_000))]).toEqual([])
      await slots.report('ai', 'one', { used: 3, paid: 10 }, 2_000)
      await slots.report('ai', 'two', { used: 10, paid: 10 }, 3_000)
      await slots.report('demo', 'one', { used: 1, paid: 4 }, 3_000)
      const found = await slots.read(1_999)
      expect(found.get('ai')).toEqual({ used: 13, paid: 20 })
      expect(found.get('demo')).toEqual({ used: 1, paid: 4 })
      expect((await slots.read(2_000)).get('ai')).toEqual({ used: 10, paid: 10 })
      expect([...(await slots.read(3_000))]).toEqual([])
    })

    it('a later report of a worker replaces its earlier one; one lane can be read alone', async () => {
      const slots = await open()
      await slots.report('ai', 'one', { used: 3, paid: 10 }, 2_000)
      await slots.report('demo', 'one', { used: 1, paid: 4 }, 2_000)
      await slots.report('ai', 'one', { used: 0, paid: 10 }, 4_000)
      expect([...(await slots.read(3_000, 'ai'))]).toEqual([['ai', { used: 0, paid: 10 }]])
      expect([...(await slots.read(1_000, 'demo'))]).toEqual([['demo', { used: 1, paid: 4 }]])
    })
  })
}

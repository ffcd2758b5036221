import { beforeEach, describe, expect, it } from 'vitest'
import type { WholeStore } from '../fixtures/world.ts'
import type { Bench } from './task-store.ts'

const NOW = 1_800_000_000_000

/** What every store of claim watermarks must do. `open` returns an empty one. */
export function claimWatermarksContract(name: string, open: () => Promise<Bench>): void {
  describe(`${name} meets the contract of claim watermarks`, () => {
    let bench: Bench
    let store: WholeStore
    beforeEach(async () => {
      bench = await open()
      bench.setNow(NOW)
      store = bench.store
    })

    it('only moves forward, separately for each lane and tenant', async () => {
      await store.recordWatermark('ai', 'acme', NOW, NOW + 1)
      await store.recordWatermark('ai', 'acme', NOW - 5, NOW + 2)
      await store.recordWatermark('demo', 'acme', NOW + 9, NOW + 2)
      expect(await store.readWatermarks('ai')).toEqual([
        { tenant: 'acme', queuedAt: NOW, recordedAt: NOW + 1 },
      ])
      expect(await store.readWatermark('demo', 'acme')).toEqual({
        tenant: 'acme',
        queuedAt: NOW + 9,
        recordedAt: NOW + 2,
      })
      expect(await store.readWatermark('demo', 'other')).toBeUndefined()
    })
  })
}

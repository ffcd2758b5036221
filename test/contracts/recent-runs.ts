import { describe, expect, it } from 'vitest'
import type { RecentRuns } from '../../functions/core/ports/recent-runs.ts'

const DAY_MS = 86_400_000
const run = (ms: number, kind = 'text.generate gpt-4o') => ({ kind, ms, costMicroUsd: ms * 2 })

/** What every store of a lane's recent runs must do. `open` returns an empty one. */
export function recentRunsContract(name: string, open: () => Promise<RecentRuns>): void {
  describe(`${name} meets the contract of recent runs`, () => {
    it('returns the runs of all workers of one lane', async () => {
      const runs = await open()
      expect(await runs.read('ai', 1_000)).toEqual([])
      await runs.keep('ai', 1, [run(10), { ...run(20), costMicroUsd: null }], 1_000)
      await runs.keep('ai', 2, [run(30, 'example.run ')], 1_000)
      await runs.keep('demo', 1, [run(40)], 1_000)
      const found = [...(await runs.read('ai', 2_000))].sort((left, right) => left.ms - right.ms)
      expect(found).toEqual([run(10), { ...run(20), costMicroUsd: null }, run(30, 'example.run ')])
    })

    it('later runs of a worker replace its earlier ones; all are deleted after a day', async () => {
      const runs = await open()
      await runs.keep('ai', 3, [run(10)], 1_000)
      await runs.keep('ai', 3, [run(20)], 2_000)
      await runs.keep('ai', 4, [run(30)], DAY_MS)
      expect((await runs.read('ai', DAY_MS)).map(({ ms }) => ms).sort()).toEqual([20, 30])
      expect((await runs.read('ai', DAY_MS + 2_000)).map(({ ms }) => ms)).toEqual([30])
    })
  })
}

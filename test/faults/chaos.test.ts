import { expect, it } from 'vitest'
import { runChaos, ZEROS } from './chaos/run.ts'
import { SEED } from './kit/seeded.ts'

it(`a short chaos run (npm run chaos -- --fast --tasks 80 --kills 1 --seed ${SEED}): nothing lost, doubled or stuck`, async () => {
  const report = await runChaos({ tasks: 80, seed: SEED, kills: 1, isFast: true })
  console.info(JSON.stringify(report))
  expect(report.accepted).toBe(80)
  expect(Object.fromEntries(ZEROS.map((field) => [field, report[field]]))).toEqual(
    Object.fromEntries(ZEROS.map((field) => [field, 0])),
  )
  expect(report.completed).toBeGreaterThan(40)
  // A run without faults proves nothing.
  expect(Object.values(report.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(20)
}, 300_000)

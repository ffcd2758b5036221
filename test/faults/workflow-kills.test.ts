import { expect, it } from 'vitest'
import { FLOW_ZEROS, runFlowChaos } from './flows/run.ts'
import { SEED } from './kit/seeded.ts'

it(`a workflow with faults of services and a killed environment (npm run chaos:workflows -- --leaves 40 --kills 1 --seed ${SEED}) joins once`, async () => {
  const report = await runFlowChaos({ leaves: 40, kills: 1, seed: SEED })
  console.info(JSON.stringify(report))
  expect([report.status, report.completed]).toEqual(['COMPLETED', 40])
  expect(Object.fromEntries(FLOW_ZEROS.map((field) => [field, report[field]]))).toEqual(
    Object.fromEntries(FLOW_ZEROS.map((field) => [field, 0])),
  )
  // A run without faults proves nothing.
  expect(Object.values(report.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10)
}, 600_000)

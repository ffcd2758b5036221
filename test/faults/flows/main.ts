/** `npm run chaos:workflows -- --leaves 1000 --kills 2 --seed 1`: see `run.ts`. Exit code 1 if something was lost or doubled. */
import { parseArgs } from 'node:util'
import { FLOW_ZEROS, runFlowChaos } from './run.ts'

const { values } = parseArgs({
  options: {
    leaves: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '2' },
    seed: { type: 'string' },
  },
})
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed)
const [leaves, kills] = [Number(values.leaves), Number(values.kills)]
if (![seed, leaves, kills].every(Number.isInteger) || leaves < 1) {
  console.error('Use: npm run chaos:workflows -- --leaves 1000 --kills 2 --seed 1')
  process.exit(2)
}
const report = await runFlowChaos({ leaves, kills, seed, tell: (text) => console.info(text) })
console.info(JSON.stringify(report, undefined, 2))
const isGood =
  report.status === 'COMPLETED' &&
  report.completed === leaves &&
  FLOW_ZEROS.every((field) => report[field] === 0)
process.exitCode = isGood ? 0 : 1

/** `npm run chaos -- --tasks 500 --seed 1`: see `run.ts`. Exit code 1 if a number that must be zero is not. */
import { parseArgs, styleText } from 'node:util'
import { type ChaosReport, runChaos, ZEROS } from './run.ts'

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '500' },
    seed: { type: 'string' },
    kills: { type: 'string', default: '2' },
    fast: { type: 'boolean', default: false },
    scarce: { type: 'string', default: process.platform === 'linux' ? '5' : '0' },
  },
})
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed)
const [tasks, kills, scarceSeconds] = [Number(values.tasks), Number(values.kills), Number(values.scarce)]
if (![seed, tasks, kills, scarceSeconds].every(Number.isInteger) || tasks < 1) {
  console.error('Use: npm run chaos -- --tasks 500 --seed 1 [--kills 2] [--scarce 5] [--fast]')
  process.exit(2)
}
console.info(`${tasks} tasks, seed ${seed}: the same faults again with --seed ${seed}`)
const report = await runChaos({
  tasks,
  seed,
  kills,
  scarceSeconds,
  isFast: values.fast,
  tell: (text) => console.info(text),
})

const LABELS: readonly (readonly [keyof ChaosReport, string])[] = [
  ['accepted', 'accepted'],
  ['completed', 'completed'],
  ['failed', 'failed'],
  ['cancelled', 'cancelled'],
  ['lost', 'lost'],
  ['stuck', 'stuck'],
  ['paidTwice', 'paid for after their result was there'],
  ['beyondLimit', 'more attempts than allowed'],
  ['withoutDueTime', 'open rows without a due time'],
  ['doubledKeys', 'keys with two tasks'],
  ['wrongResults', 'completed with a wrong result'],
  ['providerCalls', 'calls of the provider'],
]
const isBad = (field: keyof ChaosReport) =>
  (ZEROS as readonly string[]).includes(field) && report[field] !== 0
const line = (label: string, count: unknown) => `  ${label.padEnd(40)} ${String(count).padStart(8)}`
for (const [field, label] of LABELS) {
  const text = line(label, report[field])
  const isZero = (ZEROS as readonly string[]).includes(field)
  console.info(isZero ? styleText(isBad(field) ? 'red' : 'green', text) : text)
  if (field === 'failed')
    for (const [code, count] of Object.entries(report.failedBy)) console.info(line(`  ${code}`, count))
}
console.info('  faults')
for (const [name, count] of Object.entries(report.faults)) console.info(line(`  ${name}`, count))
console.info(line('seconds', report.seconds))
process.exitCode = ZEROS.some(isBad) ? 1 : 0

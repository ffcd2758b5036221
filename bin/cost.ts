/** `npm run cost -- --tasks-per-month 1e6 --seconds 10 [--stage prod]`: a stage's monthly cost without model tokens, and its capacity. */
import { parseArgs, styleText } from 'node:util'
import { limitsOf } from '../lib/costs/capacity.ts'
import {
  cheapest,
  estimate,
  freeTierUsdOf,
  laneRate,
  SECONDS_PER_MONTH,
  totalOf,
  waitingOf,
  watchingOf,
} from '../lib/costs/estimate.ts'
import { PRICES } from '../lib/costs/prices.ts'
import { loadStage } from '../lib/stages/load-stage.ts'

function read(name: string, text: string, isRight: (value: number) => boolean, rule: string): number {
  const value = Number(text)
  if (text.trim() !== '' && isRight(value)) return value
  throw new Error(`--${name} ${rule}, not "${text}".`)
}

function run(): void {
  const { values } = parseArgs({
    options: {
      'tasks-per-month': { type: 'string', default: '1e6' },
      seconds: { type: 'string', default: '10' },
      stage: { type: 'string', default: 'prod' },
    },
  })
  const isCount = (value: number) => Number.isInteger(value) && value >= 1
  const tasksPerMonth = read(
    'tasks-per-month',
    values['tasks-per-month'],
    isCount,
    'is a whole number from 1',
  )
  const seconds = read(
    'seconds',
    values.seconds,
    (value) => value > 0 && value <= 900,
    'is above 0 and at most 900',
  )
  const stage = loadStage(values.stage)
  const perSecond = tasksPerMonth / SECONDS_PER_MONTH
  const load = { tasksPerMonth, seconds }
  const lines = estimate(stage, load)
  const total = totalOf(lines)
  const usd = (value: number) => value.toFixed(2).padStart(12)
  const millions = tasksPerMonth / 1e6
  const title = `${'USD a month'.padStart(36)}${'a million tasks'.padStart(17)}`
  console.log(
    `Stage ${stage.name}: ${tasksPerMonth.toLocaleString('en')} tasks of ${seconds} s (${perSecond.toFixed(2)} a second)\n`,
  )
  console.log(styleText('dim', title))
  for (const { name, usdPerMonth, basis } of lines)
    console.log(
      `${name.padEnd(24)}${usd(usdPerMonth)}${usd(usdPerMonth / millions)}     ${styleText('dim', basis)}`,
    )
  console.log(styleText('bold', `${'Sum'.padEnd(24)}${usd(total)}${usd(total / millions)}`))
  if (laneRate(stage.lanes.ai, seconds) < perSecond)
    console.log(
      styleText(
        'yellow',
        '\nLane ai does not keep up with this: its queue grows. Raise lanes.ai.maxConcurrency.',
      ),
    )
  const best = cheapest(stage, load)
  if (best.usdPerMonth < total * 0.95) {
    const { memoryMb, maxConcurrency } = best.stage.lanes.ai
    console.log(
      `\nCheapest for this load: ${best.usdPerMonth.toFixed(2)} (${(best.usdPerMonth / millions).toFixed(2)} a million) with lanes.ai.memoryMb ${memoryMb} and maxConcurrency ${maxConcurrency}`,
    )
  }
  const cheap = estimate(best.stage, load)
  const [asSet, atBest] = [lines, cheap].map((each) => (totalOf(each) - freeTierUsdOf(each)).toFixed(2))
  console.log(`In an account that runs nothing else, less its free tiers: ${asSet}, cheapest ${atBest}`)
  const { usd: waitUsd, basis: waitBasis } = waitingOf(stage)
  console.log(`\nA call that waits costs ${(waitUsd * 1e6).toFixed(2)} for a million seconds: ${waitBasis}`)
  const { usd: watchUsd, basis: watchBasis } = watchingOf(stage)
  console.log(`A watched event stream ${(watchUsd * 1e6).toFixed(2)} for a million seconds: ${watchBasis}`)
  console.log(styleText('dim', `\n${'It bears'.padEnd(24)}${'tasks a second'.padStart(14)}`))
  for (const { name, tasksPerSecond, basis } of limitsOf(stage, seconds))
    console.log(`${name.padEnd(24)}${tasksPerSecond.toFixed(1).padStart(14)}     ${styleText('dim', basis)}`)
  console.log(
    styleText(
      'dim',
      `\nList prices of ${PRICES.region}, ${PRICES.asOf}, without free tiers: ${PRICES.sources.join(', ')}`,
    ),
  )
}

try {
  run()
} catch (cause) {
  console.error((cause as Error).message)
  process.exitCode = 2
}

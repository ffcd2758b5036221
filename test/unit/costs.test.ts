import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { LANES } from '../../functions/contract.ts'
import {
  cheapest,
  combinationsOf,
  estimate,
  freeTierUsdOf,
  laneRate,
  metricCount,
  SECONDS_PER_MONTH,
  totalOf,
  waitingOf,
  watchingOf,
} from '../../lib/costs/estimate.ts'
import { PRICES } from '../../lib/costs/prices.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'

const root = resolve(import.meta.dirname, '../..')
const cents = (load: Parameters<typeof estimate>[1]) =>
  Object.fromEntries(
    estimate(loadStage('prod'), load).map(({ name, usdPerMonth }) => [
      name,
      Math.round(usdPerMonth * 100) / 100,
    ]),
  )

describe('a request that waits', () => {
  it('costs mostly its execution environment', () => {
    const stage = loadStage('prod')
    const { usd, basis } = waitingOf(stage)
    const environment = (stage.api.memoryMb / 1_024) * PRICES.lambdaGbSecond
    expect(usd).toBeGreaterThan(environment)
    expect(usd).toBeLessThan(environment * 1.5)
    expect(basis).toContain(`at most ${stage.api.waitPlaces} at once`)
  })
})

describe('a watched event stream', () => {
  it('costs the table reads and the worker’s writes of text in addition to its environment', () => {
    const stage = loadStage('prod')
    const { usd, basis } = watchingOf(stage)
    const environment = (stage.api.memoryMb / 1_024) * PRICES.lambdaGbSecond
    expect(usd - environment).toBeCloseTo(6.3 * PRICES.dynamoReadUnit + 2 * PRICES.dynamoWriteUnit, 12)
    expect(basis).toContain(`at most ${stage.api.watchPlaces} at once`)
  })
})

describe('what a month costs', () => {
  it('a million tasks of 10 s', () => {
    // Costs that depend on the number of types and lanes are checked separately, per piece.
    const {
      Metrics,
      Sweeper,
      'Idle pollers': pollers,
      'Dashboards and alarms': watched,
      ...perTask
    } = cents({ tasksPerMonth: 1e6, seconds: 10 })
    expect(Metrics).toBeLessThan(metricCount(loadStage('prod')) * 0.3)
    // The queues of workflows and webhooks are polled, too.
    expect(pollers).toBeCloseTo((LANES.length + 2) * 0.2627, 1)
    expect(Sweeper).toBeLessThan(1.25)
    expect(watched).toBeGreaterThan(6)
    expect(perTask).toEqual({
      'API Gateway': 10.5,
      // Each request also calls the authorizer.
      'API functions': 1.52,
      // Sixteen units for the row and its entries (`write-units.test.ts`), two to count its end; seven reads.
      DynamoDB: 12.13,
      Storage: 2.16,
      SQS: 3.11,
      // Five pollers of the event source, one or two workers: six of ten tasks start a new invocation.
      Workers: 57.39,
      Logs: 3.18,
      Transfer: 0.54,
    })
  })

  it('without tasks only the fixed costs remain', () => {
    const lines = cents({ tasksPerMonth: 1, seconds: 1 })
    const fixed = ['Idle pollers', 'Sweeper', 'Dashboards and alarms', 'Metrics']
    const others = Object.entries(lines).filter(([name]) => !fixed.includes(name))
    expect(others.reduce((sum, [, usd]) => sum + usd, 0)).toBe(0)
  })

  it('free tiers subtract at most the cost of a line', () => {
    const of = (tasksPerMonth: number) =>
      freeTierUsdOf(estimate(loadStage('prod'), { tasksPerMonth, seconds: 10 }))
    // 400,000 GB-seconds and a million calls of Lambda, a million of SQS, 5 GB of logs, ten metrics, ten alarms.
    expect(of(1e6)).toBeCloseTo(5.53 + 0.4 + 2.5 + 3 + 1, 2)
    expect(of(1e8)).toBe(of(1e7))
    expect(of(1)).toBeCloseTo(0.4 + 3 + 1, 2)
  })

  it('a lane can run tasks in nine tenths of its slots', () => {
    const { ai } = loadStage('prod').lanes
    expect(laneRate(ai, 10)).toBe(18)
    expect(laneRate(ai, 60)).toBe(3)
  })

  it('finds settings that cost less and are still fast enough', () => {
    const load = { tasksPerMonth: 1e6, seconds: 10 }
    const now = totalOf(estimate(loadStage('prod'), load))
    const { stage, usdPerMonth } = cheapest(loadStage('prod'), load)
    expect(usdPerMonth).toBeLessThan(now * 0.7)
    expect(totalOf(estimate(stage, load))).toBe(usdPerMonth)
    const many = cheapest(loadStage('prod'), { tasksPerMonth: 1e8, seconds: 10 }).stage.lanes.ai
    expect(laneRate(many, 10)).toBeGreaterThan(1e8 / SECONDS_PER_MONTH)
  })

  it('a metric counts once for each combination of its dimensions’ values', () => {
    const dimensions = [[], ['Lane'], ['Lane', 'Provider']] as const
    expect(combinationsOf([{ dimensions }], { Lane: 2, Provider: 3 })).toBe(1 + 2 + 6)
  })

  it('prints a table, and names a mistake in an option', async () => {
    const cost = (...args: string[]) =>
      promisify(execFile)(process.execPath, [join(root, 'bin/cost.ts'), ...args], {
        env: { ...process.env, NO_COLOR: '1' },
      })
    const { stdout } = await cost('--tasks-per-month', '2e6', '--stage', 'staging')
    expect(stdout).toContain('Stage staging: 2,000,000 tasks of 10 s (0.76 a second)')
    expect(stdout).toMatch(/^API Gateway +21\.00 +10\.50 +3 requests a task$/m)
    expect(stdout).toMatch(/^Cheapest for this load: [\d.]+ /m)
    expect(stdout).toMatch(
      /^In an account that runs nothing else, less its free tiers: [\d.]+, cheapest [\d.]+$/m,
    )
    expect(stdout).toMatch(/^Lane ai +18\.0 /m)
    await expect(cost('--seconds', 'many')).rejects.toMatchObject({
      code: 2,
      stderr: '--seconds is above 0 and at most 900, not "many".\n',
    })
  })
})

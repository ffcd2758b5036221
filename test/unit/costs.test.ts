import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { LANES } from '../../functions/contract.ts'
import {
  cheapest,
  combinationsOf,
  estimate,
  longestOf,
  metricCount,
  SECONDS_PER_MONTH,
  totalOf,
  usualBatch,
  waitingOf,
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

describe('a call that waits', () => {
  it('costs its environment for the most part', () => {
    const stage = loadStage('prod')
    const { usd, basis } = waitingOf(stage)
    const environment = (stage.api.memoryMb / 1_024) * PRICES.lambdaGbSecond
    expect(usd).toBeGreaterThan(environment)
    expect(usd).toBeLessThan(environment * 1.5)
    expect(basis).toContain(`at most ${stage.api.waitPlaces} at once`)
  })
})

describe('what a month costs', () => {
  it('a million tasks of 10 s, ten at once', () => {
    // What grows with the types and lanes that a team adds is told apart, per piece.
    const {
      Metrics,
      Sweeper,
      'Idle pollers': pollers,
      'Dashboards and alarms': watched,
      ...perTask
    } = cents({ tasksPerMonth: 1e6, seconds: 10, batch: 10 })
    expect(Metrics).toBeLessThan(metricCount(loadStage('prod')) * 0.3)
    expect(pollers).toBeCloseTo(LANES.length * 0.2627, 1)
    expect(Sweeper).toBeLessThan(1)
    expect(watched).toBeGreaterThan(6)
    expect(perTask).toEqual({
      'API Gateway': 10.5,
      'API functions': 0.84,
      // Nine units for the row and its due entries, two for the status in the list, ten for progress; seven reads.
      DynamoDB: 14,
      Storage: 2.16,
      SQS: 0.62,
      Workers: 12.5,
      Logs: 2.74,
      Transfer: 0.54,
    })
  })

  it('one at a time the workers cost five times as much: nobody shares their waiting', () => {
    const { Workers: alone = 0 } = cents({ tasksPerMonth: 1e6, seconds: 10, batch: 1 })
    expect(alone).toBe(66.87)
  })

  it('the longest of many, by the means of normal order statistics', () => {
    expect(longestOf(1)).toBeCloseTo(1, 4)
    expect(longestOf(2)).toBeCloseTo(1.2497, 3)
    expect(longestOf(10)).toBeGreaterThan(longestOf(5))
  })

  it('no tasks cost what is fixed', () => {
    const lines = cents({ tasksPerMonth: 1, seconds: 1, batch: 1 })
    const fixed = ['Idle pollers', 'Sweeper', 'Dashboards and alarms', 'Metrics']
    const others = Object.entries(lines).filter(([name]) => !fixed.includes(name))
    expect(others.reduce((sum, [, usd]) => sum + usd, 0)).toBe(0)
  })

  it('a quiet lane hands over one message at a time; a window, or too few places, fill the batches', () => {
    const { ai } = loadStage('prod').lanes
    const monthly = (tasks: number) => tasks / SECONDS_PER_MONTH
    expect(usualBatch(ai, monthly(1e6), 10)).toEqual({ batch: 1, isEnough: true })
    expect(usualBatch({ ...ai, maxConcurrency: 2 }, monthly(1e6), 10).batch).toBe(3)
    expect(usualBatch({ ...ai, batchingWindowSeconds: 30 }, monthly(1e6), 10).batch).toBeCloseTo(2.28, 1)
    // Ten at once in twenty places are 10.7 tasks a second; 100 million a month are 38.
    expect(usualBatch(ai, monthly(1e8), 10)).toEqual({ batch: 10, isEnough: false })
  })

  it('finds settings that cost less and still keep up', () => {
    const load = { tasksPerMonth: 1e6, seconds: 10 }
    const now = totalOf(estimate(loadStage('prod'), load))
    const { stage, usdPerMonth } = cheapest(loadStage('prod'), load)
    expect(usdPerMonth).toBeLessThan(now * 0.7)
    expect(totalOf(estimate(stage, load))).toBe(usdPerMonth)
    const many = cheapest(loadStage('prod'), { tasksPerMonth: 1e8, seconds: 10 }).stage.lanes.ai
    expect(usualBatch(many, 1e8 / SECONDS_PER_MONTH, 10).isEnough).toBe(true)
  })

  it('a metric counts once for each combination of its dimensions’ values', () => {
    const values = { Lane: 2, Type: 3, Provider: 4, Code: 5, Model: 7 }
    const count = combinationsOf([{ dimensions: [[], ['Lane'], ['Lane', 'Type']] }], values)
    expect(count).toBe(1 + 2 + 6)
    // A priced model has one provider; each provider may also have models without a price.
    expect(combinationsOf([{ dimensions: [['Provider', 'Model']] }], values)).toBe(7 - 1 + 4)
  })

  it('prints a table, and says what is wrong with an option', async () => {
    const cost = (...args: string[]) =>
      promisify(execFile)(process.execPath, [join(root, 'bin/cost.ts'), ...args], {
        env: { ...process.env, NO_COLOR: '1' },
      })
    const { stdout } = await cost('--tasks-per-month', '2e6', '--stage', 'staging')
    expect(stdout).toContain('Stage staging: 2,000,000 tasks of 10 s (0.76 a second), 1 at once')
    expect(stdout).toMatch(/^API Gateway +21\.00 +10\.50 +3 requests a task$/m)
    expect(stdout).toMatch(/^Cheapest for this load: [\d.]+ /m)
    expect(stdout).toMatch(/^Lane ai +10\.7 /m)
    await expect(cost('--batch', 'many')).rejects.toMatchObject({
      code: 2,
      stderr: '--batch is a whole number from 1 to 1000, not "many".\n',
    })
  })
})

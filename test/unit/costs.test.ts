import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { estimate, longestOf } from '../../lib/costs/estimate.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'

const root = resolve(import.meta.dirname, '../..')
const cents = (load: Parameters<typeof estimate>[1]) =>
  Object.fromEntries(
    estimate(loadStage('prod'), load).map(({ name, usdPerMonth }) => [
      name,
      Math.round(usdPerMonth * 100) / 100,
    ]),
  )

describe('what a month costs', () => {
  it('a million tasks of 10 s, ten at once', () => {
    expect(cents({ tasksPerMonth: 1e6, seconds: 10, batch: 10 })).toEqual({
      'API Gateway': 10.5,
      'API functions': 0.84,
      DynamoDB: 10.88,
      SQS: 0.62,
      Workers: 12.5,
      Logs: 1.33,
      'Idle pollers': 1.31,
      Sweeper: 0.34,
      'Dashboards and alarms': 12.2,
      Metrics: 52.8,
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
    const { Metrics, ...lines } = cents({ tasksPerMonth: 1, seconds: 1, batch: 1 })
    expect(Object.values(lines).reduce((sum, usd) => sum + usd, 0)).toBeLessThan(14)
    // None of them is seen then, and what is not seen costs nothing; the line says at most.
    expect(Metrics).toBe(52.8)
  })

  it('prints a table, and says what is wrong with an option', async () => {
    const cost = (...args: string[]) =>
      promisify(execFile)(process.execPath, [join(root, 'bin/cost.ts'), ...args], {
        env: { ...process.env, NO_COLOR: '1' },
      })
    const { stdout } = await cost('--tasks-per-month', '2e6', '--stage', 'staging')
    expect(stdout).toContain('Stage staging: 2,000,000 tasks of 10 s, 10 at once')
    expect(stdout).toMatch(/^API Gateway +21\.00 +10\.50 +3 requests a task$/m)
    await expect(cost('--batch', 'many')).rejects.toMatchObject({
      code: 2,
      stderr: '--batch is a whole number from 1 to 1000, not "many".\n',
    })
  })
})

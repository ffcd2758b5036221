import { describe, expect, it } from 'vitest'
import { TIMING } from '../../functions/contract/timing.ts'
import { TABLE } from '../../functions/contract.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import { invocationsAtOnce, limitsOf, listWrites, sweepRate } from '../../lib/costs/capacity.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'
import type { StageSettings } from '../../lib/stages/stage-schema.ts'

const prod = loadStage('prod')
const bears = (stage: StageSettings, seconds: number) =>
  Object.fromEntries(
    limitsOf(stage, seconds).map(({ name, tasksPerSecond }) => [name, Math.round(tasksPerSecond * 10) / 10]),
  )

/** Snapshots, so that an engineer who changes a setting or adds a lane sees what else changes. */
describe('the capacity of production', () => {
  it('for tasks of 10 s, per second', () => {
    expect(bears(prod, 10)).toMatchInlineSnapshot(`
      {
        "A new table": 400,
        "Lane ai": 18,
        "One key": 166.7,
        "One tenant’s list": 2000,
        "The account": 821.7,
        "What is due": 3200,
      }
    `)
  })

  it('for tasks of a minute: heartbeats also write the due index', () => {
    expect(bears(prod, 60)).toMatchObject({ 'Lane ai': 3, 'What is due': 2_000 })
  })

  it('lists the lowest limit first', () => {
    const rates = limitsOf(prod, 10).map(({ tasksPerSecond }) => tasksPerSecond)
    expect(rates).toEqual(rates.toSorted((left, right) => left - right))
    expect(limitsOf(prod, 10)[0]?.basis).toContain('nine tenths of 20 × 10 slots')
  })

  it('changes with the settings that it names', () => {
    const ai = { ...prod.lanes.ai, maxConcurrency: 40 }
    expect(bears({ ...prod, lanes: { ...prod.lanes, ai } }, 10)['Lane ai']).toBe(36)
    const api = { ...prod.api, requestsPerSecond: 50 }
    expect(bears({ ...prod, api }, 10)['One key']).toBe(16.7)
    expect(bears({ ...prod, table: { warmWriteUnits: 20_000 } }, 10)['A new table']).toBe(2_000)
  })

  it('writes a task into the list index once, because the index contains no attribute that changes', () => {
    const changing: (keyof Task)[] = [
      'status',
      'epoch',
      'attempt',
      'dueAt',
      'queuedAt',
      'updatedAt',
      'result',
    ]
    for (const { include } of [TABLE.listIndex, TABLE.stateIndex])
      for (const field of changing) expect(include).not.toContain(field)
    expect(listWrites()).toBe(1)
    expect(listWrites(['status', 'type'])).toBe(3)
  })

  it('sends 100,000 tasks due in one second within a minute, by sweepers that together read all shards', () => {
    const { sweeper } = prod
    expect(100_000 / sweepRate(prod)).toBeLessThan(sweeper.timeoutSeconds - 5)
    expect(Math.round(sweepRate(prod))).toBe(2_315)
    expect(TABLE.dueShards % sweeper.parts).toBe(0)
    // The sweep that sends them begins at the latest this long before they are due, and works until its time is over.
    expect(sweeper.timeoutSeconds).toBeLessThanOrEqual(60)
    expect(TIMING.lookAheadMs).toBeGreaterThan(sweeper.everyMinutes * 60_000)
    const slower = { ...prod, sweeper: { ...sweeper, memoryMb: 256, parts: 1 as const } }
    expect(100_000 / sweepRate(slower)).toBeGreaterThan(600)
  })

  it('needs at most this many invocations at once, which the account must allow', () => {
    expect(invocationsAtOnce(prod)).toMatchInlineSnapshot('107')
    expect(invocationsAtOnce(loadStage('dev'))).toMatchInlineSnapshot('62')
  })

  it('stays below SQS’s limit of messages in flight, and above the batches of every lane', () => {
    for (const { batchSize, maxConcurrency } of Object.values(prod.lanes))
      expect(batchSize * maxConcurrency).toBeLessThan(120_000 / 10)
  })
})

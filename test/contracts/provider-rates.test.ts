import { afterAll, describe, expect, it } from 'vitest'
import { DynamoProviderRates } from '../../functions/core/adapters/dynamodb/provider-rates.ts'
import type { ProviderRates } from '../../functions/core/ports/provider-rates.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { startLocalTable } from '../fixtures/local-table.ts'
import { MemoryRates } from '../fixtures/memory-rates.ts'

const [dynalite, local] = await Promise.all([startDynalite(), startLocalTable()])
afterAll(() => Promise.all([dynalite.stop(), local.stop()]))
const NOW = 1_800_000_000_000
const NAME = 'openai:gpt-4o'

/** Two processes, each with its own cache. */
const KINDS: Record<string, () => Promise<readonly ProviderRates[]>> = {
  'in memory': async () => {
    const rates = new MemoryRates()
    return [rates, rates]
  },
  'in the local table': async () => {
    const table = await local.createTable()
    return [1, 2].map(() => new DynamoProviderRates(local.documents, table))
  },
  'in the table': async () => {
    const table = await dynalite.createTable()
    return [1, 2].map(() => new DynamoProviderRates(dynalite.documents, table))
  },
}

describe.each(Object.entries(KINDS))('the clock of a model %s', (_name, open) => {
  it('plans each of 100 callers at a different time, and none after the latest time allowed', async () => {
    const [one, other] = (await open()) as [ProviderRates, ProviderRates]
    const call = { now: NOW, costMs: 100, latest: NOW + 3_000 }
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => (index % 2 ? one : other).take(NAME, call)),
    )
    const taken = answers.filter(({ isTaken }) => isTaken).map(({ planned }) => planned - NOW)
    expect(taken.toSorted((left, right) => left - right)).toEqual(
      Array.from({ length: 31 }, (_, index) => index * 100),
    )
    for (const { planned, isTaken } of answers) if (!isTaken) expect(planned).toBe(NOW + 3_100)
    expect(await one.take('openai:other', call)).toEqual({ planned: NOW, isTaken: true })
    // A clock that is behind the present continues at the present.
    expect(await one.take(NAME, { now: NOW + 60_000, costMs: 100, latest: NOW + 60_000 })).toEqual({
      planned: NOW + 60_000,
      isTaken: true,
    })
  })

  it('moves forward by what an answer reports, never back', async () => {
    const [one, other] = (await open()) as [ProviderRates, ProviderRates]
    expect(await one.read(NAME)).toBeUndefined()
    await one.learn(NAME, NOW + 5_000, { requestsPerMinute: 60, tokensPerMinute: 1_000.5 }, NOW)
    await other.learn(NAME, NOW + 1_000, { requestsPerMinute: 10 }, NOW)
    expect(await other.read(NAME)).toEqual({
      planned: NOW + 5_000,
      learned: { requestsPerMinute: 60, tokensPerMinute: 1_000.5, at: NOW },
    })
    expect(await other.take(NAME, { now: NOW, costMs: 10, latest: NOW + 4_999 })).toEqual({
      planned: NOW + 5_000,
      isTaken: false,
    })
  })
})

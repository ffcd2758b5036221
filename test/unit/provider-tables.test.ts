import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PROVIDERS } from '../../functions/contract/providers.ts'
import type { Endings } from '../../functions/core/adapters/providers/shared/answer.ts'
import { PRICES } from '../../functions/core/domain/prices.ts'
import type { FailureRule } from '../../functions/core/domain/provider-failure.ts'

const PLACE = resolve(import.meta.dirname, '../../functions/core/adapters/providers')

/** The exports of all providers' folders whose names end like this. */
async function tablesOf<Table>(ending: string): Promise<Readonly<Record<string, Table>>> {
  const found: Record<string, Table> = {}
  for (const provider of PROVIDERS)
    for (const file of await readdir(join(PLACE, provider))) {
      if (file.endsWith('.test.ts')) continue
      const module: Readonly<Record<string, unknown>> = await import(join(PLACE, provider, file))
      for (const [name, table] of Object.entries(module))
        if (name.endsWith(ending)) found[provider] = table as Table
    }
  return found
}
const RULES = await tablesOf<readonly FailureRule[]>('_RULES')
const ENDINGS = await tablesOf<Endings>('_ENDINGS')
/** One URL or more. */
const SOURCE = /^https:\/\/[\w.-]+(\/\S*[^\s,])?(, https:\/\/[\w.-]+(\/\S*[^\s,])?)*$/

// A provider that uses another's protocol needs no table.
it('the tables contain every protocol', () => {
  const protocols = ['openai', 'anthropic', 'bedrock']
  expect(Object.keys(RULES)).toEqual(expect.arrayContaining(protocols))
  expect(Object.keys(ENDINGS)).toEqual(expect.arrayContaining(protocols))
})

describe('every row names its source', () => {
  it.each(Object.entries(RULES))('in the failures of %s', (_, rules) => {
    for (const { source, ...row } of rules) expect(source, String(row.word ?? row.message)).toMatch(SOURCE)
  })
  it.each(Object.entries(ENDINGS))('in the finish reasons of %s', (_, endings) => {
    for (const [word, { source }] of Object.entries(endings)) expect(source, word).toMatch(SOURCE)
  })
  it('in the prices, with its date', () => {
    for (const { model, source, asOf } of PRICES) {
      expect(source, model).toMatch(SOURCE)
      expect(asOf, model).toMatch(/^20\d\d-(0[1-9]|1[0-2])(-\d\d)?$/)
    }
  })
})

describe('a table', () => {
  it.each(Object.entries(RULES))('of %s has no row that an earlier row always precedes', (_, rules) => {
    const keys = rules.map(({ status, word, message, hasWait, isAmbiguous }) =>
      [status, word, message, hasWait, isAmbiguous].map(String).join(' '),
    )
    expect(new Set(keys).size).toBe(keys.length)
  })
  it.each(Object.entries(ENDINGS))('of %s contains its words in lower case', (_, endings) => {
    for (const word of Object.keys(endings)) expect(word).toBe(word.toLowerCase())
  })
})

it('every provider passes the contract tests of providers', async () => {
  const place = 'test/contracts/providers.test.ts'
  const tests = await readFile(resolve(import.meta.dirname, '../..', place), 'utf8')
  expect(
    PROVIDERS.filter((name) => !tests.includes(`modelProviderContract('${name}'`)),
    `each needs a modelProviderContract('<name>', …) in ${place}, its protocol in test/fixtures/model-server.ts`,
  ).toEqual([])
})

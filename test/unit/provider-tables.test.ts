import { describe, expect, it } from 'vitest'
import { ANTHROPIC_ENDINGS } from '../../functions/core/adapters/providers/anthropic/anthropic-provider.ts'
import { ANTHROPIC_RULES } from '../../functions/core/adapters/providers/anthropic/failures.ts'
import { BEDROCK_ENDINGS } from '../../functions/core/adapters/providers/bedrock/bedrock-provider.ts'
import { BEDROCK_RULES } from '../../functions/core/adapters/providers/bedrock/failures.ts'
import { OPENAI_ENDINGS } from '../../functions/core/adapters/providers/openai/endings.ts'
import { OPENAI_RULES } from '../../functions/core/adapters/providers/openai/failures.ts'
import { PRICES } from '../../functions/core/domain/prices.ts'

const RULES = { openai: OPENAI_RULES, anthropic: ANTHROPIC_RULES, bedrock: BEDROCK_RULES }
const ENDINGS = { openai: OPENAI_ENDINGS, anthropic: ANTHROPIC_ENDINGS, bedrock: BEDROCK_ENDINGS }
/** One address or more. */
const SOURCE = /^https:\/\/[\w.-]+(\/\S*[^\s,])?(, https:\/\/[\w.-]+(\/\S*[^\s,])?)*$/

describe('every row says who says so', () => {
  it.each(Object.entries(RULES))('of the failures of %s', (_, rules) => {
    for (const { source, ...row } of rules) expect(source, String(row.word ?? row.message)).toMatch(SOURCE)
  })
  it.each(Object.entries(ENDINGS))('of the ends of %s', (_, endings) => {
    for (const [word, { source }] of Object.entries(endings)) expect(source, word).toMatch(SOURCE)
  })
  it('of the prices, and when', () => {
    for (const { model, source, asOf } of PRICES) {
      expect(source, model).toMatch(SOURCE)
      expect(asOf, model).toMatch(/^20\d\d-(0[1-9]|1[0-2])(-\d\d)?$/)
    }
  })
})

describe('a table', () => {
  it.each(Object.entries(RULES))('of %s has no row that an earlier one takes everything from', (_, rules) => {
    const keys = rules.map(({ status, word, message, hasWait, isVague }) =>
      [status, word, message, hasWait, isVague].map(String).join(' '),
    )
    expect(new Set(keys).size).toBe(keys.length)
  })
  it.each(Object.entries(ENDINGS))('of %s knows the words in lower case', (_, endings) => {
    for (const word of Object.keys(endings)) expect(word).toBe(word.toLowerCase())
  })
})

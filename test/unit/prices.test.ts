import { describe, expect, it } from 'vitest'
import { withoutStyle } from '../../bin/cli/screen.ts'
import { priceTable } from '../../bin/commands/prices.ts'
import { costMicroUsd } from '../../functions/core/domain/cost.ts'
import { readTier } from '../../functions/core/domain/model-usage.ts'
import { PRICES, priceOf } from '../../functions/core/domain/prices.ts'

const used = { inputTokens: 1_000_000, outputTokens: 100_000, cachedTokens: null, reasoningTokens: 90_000 }

describe('the price of a call', () => {
  it('uses the price of cached input for cached input, and counts reasoning once', () => {
    expect(costMicroUsd('gpt-4o', used)).toBe(3_500_000)
    expect(costMicroUsd('gpt-4o', { ...used, cachedTokens: 800_000 })).toBe(2_500_000)
    expect(costMicroUsd('gpt-4o', { ...used, cachedTokens: 9e8 })).toBe(2_250_000)
  })

  it('is that of a long call above the limit, for all of its tokens, and unknown where sources differ', () => {
    const long = { ...used, inputTokens: 300_000, outputTokens: 10_000, cachedTokens: 100_000 }
    expect(costMicroUsd('claude-sonnet-4-20250514', long)).toBe(1_200_000 + 60_000 + 225_000)
    expect(costMicroUsd('claude-sonnet-4-20250514', { ...long, inputTokens: 200_000 })).toBe(480_000)
    expect(costMicroUsd('gpt-5.4', long)).toBe(1_000_000 + 50_000 + 225_000)
    expect(costMicroUsd('claude-sonnet-4-5', long)).toBeNull()
    expect(costMicroUsd('claude-sonnet-4-5', { ...long, inputTokens: 200_000 })).toBe(480_000)
  })

  it('is that of the tier that served it, and unknown in a tier without a price', () => {
    const cached = { ...used, cachedTokens: 800_000 }
    expect(costMicroUsd('gpt-5', cached)).toBe(250_000 + 100_000 + 1_000_000)
    expect(costMicroUsd('gpt-5', { ...cached, tier: 'flex' })).toBe(125_000 + 50_000 + 500_000)
    expect(costMicroUsd('gpt-5', { ...cached, tier: 'priority' })).toBe(500_000 + 200_000 + 2_000_000)
    expect(costMicroUsd('gpt-5', { ...cached, tier: 'scale' })).toBeNull()
    expect(costMicroUsd('gpt-4o', { ...cached, tier: 'flex' })).toBeNull()
    expect(costMicroUsd('gpt-5.4', { ...used, tier: 'flex' })).toBeNull()
    expect(costMicroUsd('claude-sonnet-4-6', { ...used, tier: 'priority' })).toBeNull()
    for (const usual of ['default', 'standard', 'auto', 'on_demand', '', null, undefined, 7])
      expect(readTier(usual)).toBeUndefined()
    expect(readTier('Flex')).toBe('flex')
  })

  it('uses the price of cache writes, for five minutes and for an hour', () => {
    const writes = { ...used, outputTokens: 0, cachedTokens: 200_000, cacheWriteTokens: 300_000 }
    expect(costMicroUsd('claude-sonnet-4-6', writes)).toBe(1_500_000 + 60_000 + 1_125_000)
    expect(costMicroUsd('claude-sonnet-4-6', { ...writes, hourCacheWriteTokens: 500_000 })).toBe(
      60_000 + 1_125_000 + 3_000_000,
    )
    // Without a price for cache writes, they cost the same as input.
    expect(costMicroUsd('gpt-4o', writes)).toBe(2_000_000 + 250_000)
    expect(costMicroUsd('claude-sonnet-4-20250514', writes)).toBe(2 * (1_500_000 + 60_000 + 1_125_000))
  })

  it('is unknown without tokens, and for a model that is not in the list', () => {
    expect(costMicroUsd('gpt-4o', { ...used, outputTokens: null })).toBeNull()
    for (const model of ['gpt-4o-audio-preview', 'gpt-5-pro', 'o3-pro', 'claude-opus-9', 'llama3', ''])
      expect(costMicroUsd(model, used)).toBeNull()
  })

  it('is that of the model without its date or version', () => {
    for (const [model, name] of [
      ['gpt-4o-2024-08-06', 'gpt-4o'],
      ['gpt-3.5-turbo-0125', 'gpt-3.5-turbo'],
      ['claude-sonnet-4-20250514', 'claude-sonnet-4'],
      ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
      ['claude-3-5-haiku-latest', 'claude-3-5-haiku'],
      ['amazon.nova-micro-v1:0', 'amazon.nova-micro'],
    ] as const)
      expect(priceOf(model)?.model).toBe(name)
  })

  it('has a source and a date in every row, and each model once', () => {
    for (const price of PRICES) {
      expect(price.source).toMatch(/^https:/)
      expect(price.asOf).toMatch(/^\d{4}-\d{2}$/)
      expect(price.cachedInput).toBeLessThanOrEqual(price.input)
    }
    expect(new Set(PRICES.map(({ model }) => model)).size).toBe(PRICES.length)
  })

  it('is printed, or shown as unknown', () => {
    const text = priceTable(
      [
        {
          model: 'mine',
          tier: 'standard',
          input: null,
          cached_input: null,
          cache_write: null,
          output: null,
          as_of: null,
          source: null,
        },
      ],
      withoutStyle,
    )
    expect(text).toContain('unknown')
  })
})

import type { ModelUsage } from './model-usage.ts'
import { priceOf } from './prices.ts'

/** @returns millionths of a dollar, or null when the price or the tokens are not known. */
export function costMicroUsd(model: string, usage: ModelUsage): number | null {
  const {
    inputTokens,
    outputTokens,
    cachedTokens,
    cacheWriteTokens = 0,
    hourCacheWriteTokens = 0,
    tier,
  } = usage
  const listed = priceOf(model)
  if (!listed || inputTokens === null || outputTokens === null) return null
  const isLong = listed.long !== undefined && inputTokens > listed.long.aboveTokens
  // No price list has long calls in a tier other than the standard one.
  const ofTier = tier === undefined ? listed : isLong ? undefined : listed.tiers?.[tier]
  const price = tier === undefined && isLong ? listed.long?.price : ofTier
  if (!price) return null
  const { input, cachedInput, output, cacheWrite = input, hourCacheWrite = input } = price
  const cached = Math.min(cachedTokens ?? 0, inputTokens)
  const written = Math.min(cacheWriteTokens, inputTokens - cached)
  const writtenForAnHour = Math.min(hourCacheWriteTokens, inputTokens - cached - written)
  return Math.round(
    (inputTokens - cached - written - writtenForAnHour) * input +
      cached * cachedInput +
      written * cacheWrite +
      writtenForAnHour * hourCacheWrite +
      outputTokens * output,
  )
}

/** Model families with a metric of their own. A closed list, because each CloudWatch metric costs money. */
export const MODEL_FAMILIES: readonly string[] = [
  'gpt-3.5-turbo',
  'gpt-4o-mini',
  'gpt-4o',
  'gpt-4.1-nano',
  'gpt-4.1-mini',
  'gpt-4.1',
  'claude-3-5-haiku',
  'claude-haiku-4-5',
  'claude-sonnet-4',
]

/** The model family of a model's metrics; undefined when it has none. */
export const modelFamilyOf = (model: string): string | undefined =>
  MODEL_FAMILIES.filter((name) => model.startsWith(name)).sort((left, right) => right.length - left.length)[0]

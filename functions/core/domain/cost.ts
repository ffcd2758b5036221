import type { ModelUsage } from './model-usage.ts'

/**
 * What a call cost. List prices in USD per million tokens, in and out, by prefix of the model's name; the longest
 * prefix wins. From the providers' public price pages, as known in 2026-11; a model that is not here has no price, and
 * its tasks say `cost_usd: null` rather than something wrong.
 */
const PRICES: Readonly<Record<string, readonly [input: number, output: number]>> = {
  'gpt-3.5-turbo': [0.5, 1.5],
  'gpt-4o-mini': [0.15, 0.6],
  'gpt-4o': [2.5, 10],
  'gpt-4.1-nano': [0.1, 0.4],
  'gpt-4.1-mini': [0.4, 1.6],
  'gpt-4.1': [2, 8],
  'claude-3-5-haiku': [0.8, 4],
  'claude-haiku-4-5': [1, 5],
  'claude-sonnet-4': [3, 15],
}

/** @returns millionths of a dollar, or null when the price is not known. */
export function costMicroUsd(model: string, { inputTokens, outputTokens }: ModelUsage): number | null {
  const prefix = pricedName(model)
  const price = prefix === undefined ? undefined : PRICES[prefix]
  return price && inputTokens !== null && outputTokens !== null
    ? Math.round(inputTokens * price[0] + outputTokens * price[1])
    : null
}

/** The entry of the price list that a model falls under; undefined for one that has no price. */
export const pricedName = (model: string): string | undefined =>
  PRICED.filter((name) => model.startsWith(name)).sort((left, right) => right.length - left.length)[0]

/** All entries of the price list. */
export const PRICED: readonly string[] = Object.keys(PRICES)

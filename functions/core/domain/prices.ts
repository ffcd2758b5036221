/**
 * List prices of models, USD per million tokens. Other tiers than the standard one are listed where a source has their price.
 * A model that is not here has no price, and its tasks have `cost_usd: null` rather than a wrong number. Every provider in this
 * list bills reasoning tokens as output tokens.
 */

export interface TokenPrice {
  readonly input: number
  /** Input tokens read from the provider's cache. */
  readonly cachedInput: number
  readonly output: number
  /** Input tokens written to the cache, for five minutes and for an hour; left out where they cost the same as input. */
  readonly cacheWrite?: number
  readonly hourCacheWrite?: number
}

export interface ModelPrice extends TokenPrice {
  /** Without the date or version that a provider appends. */
  readonly model: string
  /** Calls with more input tokens than this cost `price` for all their tokens; null where sources disagree. */
  readonly long?: { readonly aboveTokens: number; readonly price: TokenPrice | null }
  /** Prices by the tier that the provider reports. A tier that is not listed has no price. */
  readonly tiers?: Readonly<Record<string, TokenPrice & { readonly source: string }>>
  readonly source: string
  /** Date on which the source was read. */
  readonly asOf: string
}

const from =
  (source: string, asOf: string) =>
  (
    model: string,
    input: number,
    cachedInput: number,
    output: number,
    long?: ModelPrice['long'],
  ): ModelPrice => ({
    model,
    input,
    cachedInput,
    output,
    ...(long ? { long } : {}),
    source,
    asOf,
  })
const openai = from('https://developers.openai.com/api/docs/pricing', '2026-11')
const FLEX = 'https://developers.openai.com/api/docs/guides/flex-processing'
const PRIORITY = 'https://openai.com/api-priority-processing/'
/** Flex costs the same as the batch API: half the price. Priority has its own list. */
const tiered = (
  price: ModelPrice,
  priority?: readonly [input: number, cachedInput: number, output: number],
): ModelPrice => {
  const { input, cachedInput, output } = price
  const flex = { input: input / 2, cachedInput: cachedInput / 2, output: output / 2, source: FLEX }
  if (!priority) return { ...price, tiers: { flex } }
  const [fastInput, fastCached, fastOutput] = priority
  const fast = { input: fastInput, cachedInput: fastCached, output: fastOutput, source: PRIORITY }
  return { ...price, tiers: { flex, priority: fast } }
}
const claude = from('https://platform.claude.com/docs/en/about-claude/pricing', '2026-11')
/** Anthropic's rule for every model: 1.25 times the input price for five minutes, twice for an hour. */
const withWrites = <Price extends TokenPrice>(price: Price) => ({
  ...price,
  cacheWrite: price.input * 1.25,
  hourCacheWrite: price.input * 2,
})
const anthropic = (...row: Parameters<typeof claude>): ModelPrice => {
  const { long, ...price } = claude(...row)
  return {
    ...withWrites(price),
    ...(long ? { long: { ...long, price: long.price && withWrites(long.price) } } : {}),
  }
}
const amazon = from(
  'https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonBedrock/current/us-east-1/index.json',
  '2026-11',
)

export const PRICES: readonly ModelPrice[] = [
  openai('gpt-3.5-turbo', 0.5, 0.5, 1.5),
  openai('gpt-4o-mini', 0.15, 0.075, 0.6),
  openai('gpt-4o', 2.5, 1.25, 10),
  openai('gpt-4.1-nano', 0.1, 0.025, 0.4),
  openai('gpt-4.1-mini', 0.4, 0.1, 1.6),
  openai('gpt-4.1', 2, 0.5, 8),
  tiered(openai('gpt-5-nano', 0.05, 0.005, 0.4)),
  tiered(openai('gpt-5-mini', 0.25, 0.025, 2), [0.45, 0.045, 3.6]),
  tiered(openai('gpt-5', 1.25, 0.125, 10), [2.5, 0.25, 20]),
  tiered(openai('gpt-5.1', 1.25, 0.125, 10), [2.5, 0.25, 20]),
  tiered(openai('gpt-5.2', 1.75, 0.175, 14), [3.5, 0.35, 28]),
  tiered(
    openai('gpt-5.4', 2.5, 0.25, 15, {
      aboveTokens: 272_000,
      price: { input: 5, cachedInput: 0.5, output: 22.5 },
    }),
    [5, 0.5, 30],
  ),
  tiered(openai('o3', 2, 0.5, 8)),
  tiered(openai('o4-mini', 1.1, 0.275, 4.4)),
  anthropic('claude-3-5-haiku', 0.8, 0.08, 4),
  anthropic('claude-haiku-4-5', 1, 0.1, 5),
  anthropic('claude-sonnet-4', 3, 0.3, 15, {
    aboveTokens: 200_000,
    price: { input: 6, cachedInput: 0.6, output: 22.5 },
  }),
  anthropic('claude-sonnet-4-5', 3, 0.3, 15, { aboveTokens: 200_000, price: null }),
  anthropic('claude-sonnet-4-6', 3, 0.3, 15),
  anthropic('claude-opus-4-5', 5, 0.5, 25),
  anthropic('claude-opus-4-6', 5, 0.5, 25),
  amazon('amazon.nova-micro', 0.035, 0.00875, 0.14),
  amazon('amazon.nova-lite', 0.06, 0.015, 0.24),
  amazon('amazon.nova-pro', 0.8, 0.2, 3.2),
]

/** Suffixes that providers append to a model's name without changing its price. */
const VERSION = /^(-\d{4}-\d{2}-\d{2}|-\d{8}|-latest|-\d{4})?(-v\d+(:\d+)?)?$/

/** @returns the price of exactly this model; a longer name with the same beginning is another model. */
export const priceOf = (model: string): ModelPrice | undefined =>
  PRICES.find((price) => model.startsWith(price.model) && VERSION.test(model.slice(price.model.length)))

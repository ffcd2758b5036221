/**
 * List prices of models, standard tier, USD per million tokens. A model that is not here has no price, and its tasks say
 * `cost_usd: null` rather than something wrong. Reasoning tokens are output tokens at every provider of this list.
 */

export interface ModelPrice {
  /** Without the date or version that a provider puts behind it. */
  readonly model: string
  readonly input: number
  /** Input that was read from the provider's cache. */
  readonly cachedInput: number
  readonly output: number
  readonly source: string
  /** When the source said so. */
  readonly asOf: string
}

const from =
  (source: string, asOf: string) =>
  (model: string, input: number, cachedInput: number, output: number): ModelPrice => ({
    model,
    input,
    cachedInput,
    output,
    source,
    asOf,
  })
const openai = from('https://platform.openai.com/docs/pricing', '2026-11')
const anthropic = from('https://platform.claude.com/docs/en/about-claude/pricing', '2026-11')
const amazon = from('https://aws.amazon.com/bedrock/pricing/', '2026-11')

export const PRICES: readonly ModelPrice[] = [
  openai('gpt-3.5-turbo', 0.5, 0.5, 1.5),
  openai('gpt-4o-mini', 0.15, 0.075, 0.6),
  openai('gpt-4o', 2.5, 1.25, 10),
  openai('gpt-4.1-nano', 0.1, 0.025, 0.4),
  openai('gpt-4.1-mini', 0.4, 0.1, 1.6),
  openai('gpt-4.1', 2, 0.5, 8),
  openai('gpt-5-nano', 0.05, 0.005, 0.4),
  openai('gpt-5-mini', 0.25, 0.025, 2),
  openai('gpt-5', 1.25, 0.125, 10),
  openai('o3', 2, 0.5, 8),
  openai('o4-mini', 1.1, 0.275, 4.4),
  anthropic('claude-3-5-haiku', 0.8, 0.08, 4),
  anthropic('claude-haiku-4-5', 1, 0.1, 5),
  anthropic('claude-sonnet-4', 3, 0.3, 15),
  anthropic('claude-sonnet-4-5', 3, 0.3, 15),
  amazon('amazon.nova-micro', 0.035, 0.00875, 0.14),
  amazon('amazon.nova-lite', 0.06, 0.015, 0.24),
]

/** What providers put behind a model's name without changing its price. */
const VERSION = /^(-\d{4}-\d{2}-\d{2}|-\d{8}|-latest|-\d{4})?(-v\d+(:\d+)?)?$/

/** @returns the price of exactly this model; another one whose name begins alike has its own. */
export const priceOf = (model: string): ModelPrice | undefined =>
  PRICES.find((price) => model.startsWith(price.model) && VERSION.test(model.slice(price.model.length)))

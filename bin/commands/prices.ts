import { type ModelPrice, PRICES, priceOf } from '../../functions/core/domain/prices.ts'
import { type Paint, table } from '../cli/screen.ts'
import { type AddCommand, openSession } from '../cli/session.ts'

export const addPrices: AddCommand = (program) => {
  program
    .command('prices')
    .description('show the price list of models with which costs are calculated')
    .argument('[model...]', 'only of these models')
    .action(async (models: string[], _options, command) => {
      const session = await openSession(command)
      const asked = models.length > 0 ? models : PRICES.map(({ model }) => model)
      const answer = { usd_per_million_tokens: asked.flatMap(priceRows) }
      session.show(answer, () => priceTable(answer.usd_per_million_tokens, session.paint))
    })
}

type Row = ReturnType<typeof rowOf>

/** A model's standard price, then its other tiers. */
const priceRows = (model: string): Row[] => {
  const price = priceOf(model)
  const tiers = Object.entries(price?.tiers ?? {})
  return [
    rowOf(model, 'standard', price),
    ...tiers.map(([tier, ofTier]) => rowOf(model, tier, price && { ...price, ...ofTier })),
  ]
}

const rowOf = (model: string, tier: string, price: ModelPrice | undefined) => {
  return {
    model,
    tier,
    input: price?.input ?? null,
    cached_input: price?.cachedInput ?? null,
    cache_write: price?.cacheWrite ?? price?.input ?? null,
    output: price?.output ?? null,
    as_of: price?.asOf ?? null,
    source: price?.source ?? null,
  }
}

export const priceTable = (rows: readonly Row[], paint: Paint): string =>
  table(
    ['MODEL', 'TIER', 'INPUT', 'CACHED', 'CACHE WRITE', 'OUTPUT', 'AS OF', 'SOURCE'],
    rows.map(({ model, tier, input, cached_input, cache_write, output, as_of, source }) => [
      model,
      tier,
      ...[input, cached_input, cache_write, output].map((usd) => (usd === null ? 'unknown' : `$${usd}`)),
      as_of ?? '-',
      source ?? '-',
    ]),
    { paint },
  )

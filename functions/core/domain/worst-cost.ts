/** The most that model calls can cost, before they are made. */
import { type Budget, DEFAULT_OUTPUT_TOKENS } from './budget.ts'
import { priceOf } from './prices.ts'

/** The most that one call sends and gets. */
export interface CallBound {
  readonly inputTokens: number
  readonly outputTokens: number
}

/** What one attempt of a task may ask of its models, as its type tells from the input. */
export interface Spending {
  /** UTF-8 bytes of all text that is sent. */
  readonly textBytes: number
  readonly images?: number
  /** What the caller bounds the answer to. */
  readonly outputTokens?: number | undefined
  /** Calls of one attempt, 1 when left out; a further one sends the earlier answer along. */
  readonly calls?: number
  /** Asked when the task's own model is not to be had. */
  readonly otherModels?: readonly string[] | undefined
}

/** Roles, separators and what a provider puts around a conversation. */
const FRAME_TOKENS = 200
/** What a second question says about the first answer. */
const COMPLAINT_TOKENS = 4_200

/**
 * No tokenizer of a model that has a price here makes more tokens than the text has bytes: each token is one byte
 * at least. English has a quarter as many, so that the input's share is held four times over until the task ends. Not
 * taken: a tokenizer of each family, some megabytes in the bundle that every submit loads.
 */
export const mostTokensOf = (textBytes: number, images: number, model: string): number =>
  textBytes + images * mostImageTokens(model) + FRAME_TOKENS

/** GPT-4o mini counts 2,833 tokens and 5,667 for each of up to 8 tiles; the others stay below 5,000 for a picture. */
const mostImageTokens = (model: string): number => (model.startsWith('gpt-4o-mini') ? 48_169 : 5_000)

/** @returns millionths of a dollar, rounded up; undefined when the model has no price and the setting names no bound. */
export function worstCallMicroUsd(
  model: string,
  { inputTokens, outputTokens }: CallBound,
  budget: Budget | undefined,
): number | undefined {
  // It costs nothing, whatever its name plays.
  if (model.startsWith('simulated-')) return 0
  const listed = priceOf(model)
  // A bound is also below the threshold of a long input at times: the dearer of the two holds.
  const prices = listed && [listed, ...(isLong(listed.long, inputTokens) ? [listed.long?.price ?? null] : [])]
  const unknown = budget?.unknownUsdPerMillionTokens
  const flat = unknown === undefined ? null : { input: unknown, output: unknown }
  const known = (prices ?? [null]).map((price) => price ?? flat)
  const costs = known.map((price) => price && inputTokens * price.input + outputTokens * price.output)
  return costs.some((cost) => cost === null) ? undefined : Math.ceil(Math.max(...(costs as number[])))
}

const isLong = (long: { readonly aboveTokens: number } | undefined, inputTokens: number): boolean =>
  long !== undefined && inputTokens > long.aboveTokens

/** @returns what one attempt costs at most, by the dearest of its models; or the model whose price is not known. */
export function worstAttempt(
  model: string,
  { textBytes, images = 0, outputTokens, calls = 1, otherModels = [] }: Spending,
  budget: Budget | undefined,
): { readonly microUsd: number } | { readonly unpriced: string } {
  const output = outputTokens ?? budget?.outputTokens ?? DEFAULT_OUTPUT_TOKENS
  let dearest = 0
  for (const name of [model, ...otherModels]) {
    let sum = 0
    for (let call = 0; call < calls; call += 1) {
      const inputTokens = mostTokensOf(textBytes, images, name) + call * (output + COMPLAINT_TOKENS)
      const cost = worstCallMicroUsd(name, { inputTokens, outputTokens: output }, budget)
      if (cost === undefined) return { unpriced: name }
      sum += cost
    }
    dearest = Math.max(dearest, sum)
  }
  return { microUsd: dearest }
}

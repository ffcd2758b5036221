/** The highest possible cost of model calls before they are made. */
import { type Budget, DEFAULT_OUTPUT_TOKENS } from './budget.ts'
import { priceOf } from './prices.ts'

/** The most tokens that one call can send and receive. */
export interface CallBound {
  readonly inputTokens: number
  readonly outputTokens: number
}

/** The model calls that one attempt can make, derived by its task type from the input. */
export interface Spending {
  /** UTF-8 bytes of all text that is sent. */
  readonly textBytes: number
  readonly images?: number
  /** The caller's limit of output tokens. */
  readonly outputTokens?: number | undefined
  /** Calls of one attempt, 1 when left out; each further call includes the earlier answer in its input. */
  readonly calls?: number
  /** Models that are called when the task's own model is unavailable. */
  readonly otherModels?: readonly string[] | undefined
}

/** Tokens of roles, separators and other text that a provider adds to a conversation. */
const FRAME_TOKENS = 200
/** Tokens of the repeated question, which describes the errors of the first answer. */
const COMPLAINT_TOKENS = 4_200

/**
 * The number of bytes is an upper limit of the number of tokens, because each token of the priced models has at least one
 * byte. English text has a quarter as many tokens, so four times the input's cost is reserved until the task ends. Not used: a
 * tokenizer for each model family, which would add megabytes to the bundle of every submit route.
 */
export const maxTokensOf = (textBytes: number, images: number, model: string): number =>
  textBytes + images * maxImageTokens(model) + FRAME_TOKENS

/** GPT-4o mini counts 2,833 tokens plus 5,667 for each of up to 8 tiles; the other models at most 5,000 per image. */
const maxImageTokens = (model: string): number => (model.startsWith('gpt-4o-mini') ? 48_169 : 5_000)

/** @returns millionths of a dollar, rounded up; undefined when neither a listed price nor an assumed price exists. */
export function worstCallMicroUsd(
  model: string,
  { inputTokens, outputTokens }: CallBound,
  budget: Budget | undefined,
): number | undefined {
  // Simulated models cost nothing.
  if (model.startsWith('simulated-')) return 0
  const listed = priceOf(model)
  // The actual input may be shorter than the long-input threshold, so the higher of both prices applies.
  const prices = listed && [listed, ...(isLong(listed.long, inputTokens) ? [listed.long?.price ?? null] : [])]
  const unknown = budget?.unknownUsdPerMillionTokens
  const flat = unknown === undefined ? null : { input: unknown, output: unknown }
  const known = (prices ?? [null]).map((price) => price ?? flat)
  const costs = known.map((price) => price && inputTokens * price.input + outputTokens * price.output)
  return costs.some((cost) => cost === null) ? undefined : Math.ceil(Math.max(...(costs as number[])))
}

const isLong = (long: { readonly aboveTokens: number } | undefined, inputTokens: number): boolean =>
  long !== undefined && inputTokens > long.aboveTokens

/** @returns the highest cost of one attempt, using its dearest model; or the model whose price is unknown. */
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
      const inputTokens = maxTokensOf(textBytes, images, name) + call * (output + COMPLAINT_TOKENS)
      const cost = worstCallMicroUsd(name, { inputTokens, outputTokens: output }, budget)
      if (cost === undefined) return { unpriced: name }
      sum += cost
    }
    dearest = Math.max(dearest, sum)
  }
  return { microUsd: dearest }
}

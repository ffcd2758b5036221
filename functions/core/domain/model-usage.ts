/** What one model call used, and how calls add up to a task's usage. */
import type { Usage } from './task.ts'

/** Tokens as the provider counted them: whole numbers from 0 up. Null where it did not say, or said nonsense. */
export interface ModelUsage {
  /** All of the input, the cached part included. */
  readonly inputTokens: number | null
  /** All of the output, the reasoning included. */
  readonly outputTokens: number | null
  /** Part of the input that was read from the provider's cache. */
  readonly cachedTokens: number | null
  /** Part of the output that was reasoning. */
  readonly reasoningTokens: number | null
  /** Parts of the input that were written to the cache, for five minutes and for an hour: each has its own price. */
  readonly cacheWriteTokens?: number
  readonly hourCacheWriteTokens?: number
  /** The price tier that it was served in, where that is not the standard one: `flex`, `priority`. */
  readonly tier?: string
}

/** More tokens than any model takes or gives in one call: a larger number is a mistake of the server's. */
const MOST_TOKENS = 20_000_000

/** A number of tokens that may be added up and stored, or null. */
export const readTokens = (value: unknown): number | null =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_TOKENS ? value : null

/** A tier as a provider names it; undefined for the usual one. */
export const readTier = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= 40 && !/^(default|standard|auto|on_demand|)$/i.test(value)
    ? value.toLowerCase()
    : undefined

/** The task's usage after one more call. Unknown stays unknown: a sum with a hole in it is not a sum. */
export function addCall(
  before: Usage | undefined,
  used: ModelUsage,
  {
    savedMicroUsd = 0,
    ...call
  }: Omit<Usage, 'inputTokens' | 'outputTokens' | 'cachedTokens' | 'reasoningTokens'>,
): Usage {
  const saved = (before?.savedMicroUsd ?? 0) + savedMicroUsd
  const cachedTokens = (before?.cachedTokens ?? 0) + (used.cachedTokens ?? 0)
  const reasoningTokens = (before?.reasoningTokens ?? 0) + (used.reasoningTokens ?? 0)
  return {
    inputTokens: addKnown(before ? before.inputTokens : 0, used.inputTokens),
    outputTokens: addKnown(before ? before.outputTokens : 0, used.outputTokens),
    ...(cachedTokens > 0 ? { cachedTokens } : {}),
    ...(reasoningTokens > 0 ? { reasoningTokens } : {}),
    ...(saved > 0 ? { savedMicroUsd: saved } : {}),
    ...(before?.sharedWith === undefined ? {} : { sharedWith: before.sharedWith }),
    ...call,
    costMicroUsd: addKnown(before ? before.costMicroUsd : 0, call.costMicroUsd),
  }
}

/** Two usages of one task together; the later one's words stand. */
export function addUsage(earlier: Usage, later: Usage | undefined): Usage {
  if (!later) return earlier
  const { inputTokens, outputTokens, cachedTokens = null, reasoningTokens = null, ...call } = later
  return addCall(earlier, { inputTokens, outputTokens, cachedTokens, reasoningTokens }, call)
}

const addKnown = (left: number | null, right: number | null): number | null =>
  left === null || right === null ? null : left + right

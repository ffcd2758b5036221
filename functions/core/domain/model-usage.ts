/** The usage of one model call, and its sum for a task. */
import type { Usage } from './task.ts'

/** Token counts reported by the provider: whole numbers from 0. Null where it reported none or an invalid one. */
export interface ModelUsage {
  /** All input tokens, cached ones included. */
  readonly inputTokens: number | null
  /** All output tokens, reasoning included. */
  readonly outputTokens: number | null
  /** Input tokens read from the provider's cache. */
  readonly cachedTokens: number | null
  readonly reasoningTokens: number | null
  /** Input tokens written to the cache, for five minutes and for an hour: each has its own price. */
  readonly cacheWriteTokens?: number
  readonly hourCacheWriteTokens?: number
  /** The price tier that served the call when it is not the standard one: `flex`, `priority`. */
  readonly tier?: string
}

/** More tokens than any model handles in one call: a larger number is an error of the server. */
const MAX_TOKENS = 20_000_000

export const readTokens = (value: unknown): number | null =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TOKENS ? value : null

/** A tier as the provider names it; undefined for the standard one. */
export const readTier = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= 40 && !/^(default|standard|auto|on_demand|)$/i.test(value)
    ? value.toLowerCase()
    : undefined

/** The task's usage after one more call. A sum with an unknown part is unknown. */
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

/** The sum of two usages of one task; texts are taken from the later one. */
export function addUsage(earlier: Usage, later: Usage | undefined): Usage {
  if (!later) return earlier
  const { inputTokens, outputTokens, cachedTokens = null, reasoningTokens = null, ...call } = later
  return addCall(earlier, { inputTokens, outputTokens, cachedTokens, reasoningTokens }, call)
}

const addKnown = (left: number | null, right: number | null): number | null =>
  left === null || right === null ? null : left + right

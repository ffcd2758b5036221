/** In which price tier of its provider a call is made, by the time that its task has left. */
import type { Task } from './task.ts'

/** Beside the standard tier: cheaper and slower, and dearer and faster. */
export const PRICE_TIERS = ['flex', 'priority'] as const
export type PriceTier = (typeof PRICE_TIERS)[number]

/** The wait before the next attempt, at most. */
const BACKOFF_MS = 60_000

/**
 * `flex` only while a whole further attempt fits behind one that takes all of its time, and only for a first attempt that has
 * another behind it: whatever ends it, a refusal for want of room among them, the next one is in the standard tier. `priority`
 * where a standard call might come too late, unless the task's money is bounded, which was counted by the standard price.
 * After the deadline nothing is paid for speed.
 *
 * @param offered by the provider for the model.
 * @returns undefined for the standard tier.
 */
export function tierFor(
  task: Pick<Task, 'deadlineAt' | 'attempt' | 'maxAttempts' | 'timeoutMs' | 'held' | 'maxCostMicroUsd'>,
  offered: readonly PriceTier[],
  now: number,
): PriceTier | undefined {
  const { deadlineAt, attempt, maxAttempts, timeoutMs, held, maxCostMicroUsd } = task
  if (deadlineAt === undefined) return undefined
  const leftMs = deadlineAt - now
  const isBounded = held?.microUsd !== undefined || maxCostMicroUsd !== undefined
  const tier =
    leftMs >= 2 * timeoutMs + BACKOFF_MS && attempt <= 1 && maxAttempts > 1
      ? 'flex'
      : leftMs > 0 && leftMs < timeoutMs && !isBounded
        ? 'priority'
        : undefined
  return tier && offered.includes(tier) ? tier : undefined
}

/** Failures of a call in `flex` that say nothing of the model in another tier: it has no room, or was slow. */
const OF_FLEX_ALONE: readonly string[] = ['provider_rate_limited', 'provider_timeout', 'timeout']
export const isOfTierAlone = (tier: PriceTier | undefined, code: string): boolean =>
  tier === 'flex' && OF_FLEX_ALONE.includes(code)

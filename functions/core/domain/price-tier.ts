/** Chooses the price tier of a model call from the time left until the task's deadline. */
import type { Task } from './task.ts'

/** Tiers other than the standard one: `flex` is cheaper and slower, `priority` dearer and faster. */
export const PRICE_TIERS = ['flex', 'priority'] as const
export type PriceTier = (typeof PRICE_TIERS)[number]

/** Longest wait before the next attempt. */
const BACKOFF_MS = 60_000

/**
 * `flex` only while there is time for a second attempt after one that uses its whole time, and only for a first attempt
 * that is not the last: when it fails for any reason, such as missing capacity, the next attempt uses the standard tier.
 * `priority` when a standard call might be too late, unless the task's money is limited, because the limit is calculated with
 * the standard price. After the deadline no money is spent on speed.
 *
 * @param offered tiers that the provider offers for the model.
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

/** Failures of a `flex` call that do not show a fault of the model in other tiers: no capacity, or too slow. */
const FLEX_ONLY_CODES: readonly string[] = ['provider_rate_limited', 'provider_timeout', 'timeout']
export const isFailureOfTierOnly = (tier: PriceTier | undefined, code: string): boolean =>
  tier === 'flex' && FLEX_ONLY_CODES.includes(code)

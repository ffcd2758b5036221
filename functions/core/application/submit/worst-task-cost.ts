import { type Budget, hasBudget, toMicro } from '../../domain/budget.ts'
import type { FieldError } from '../../domain/errors.ts'
import { type Spending, worstAttempt } from '../../domain/worst-cost.ts'

/** The part of a task type that tells the cost of its tasks. */
export interface SpendingType {
  readonly name: string
  readonly limits: { readonly maxCostUsd?: number | undefined }
  /** For types whose calls can be derived from the input. */
  spends?(input: never): Spending
}

export interface CostQuestion {
  readonly model: string | null
  /** The input after validation by the type's schema. */
  readonly input: unknown
  readonly maxAttempts: number
  readonly maxCostUsd?: number | undefined
}

/**
 * The highest possible cost of a task: the caller's limit if there is one; else the highest cost of its calls in all
 * attempts. The worker checks each call against it.
 *
 * @returns millionths of a dollar, 0 without a model; or the missing value, when the cost cannot be derived.
 */
export function worstTaskCost(
  type: SpendingType,
  { model, input, maxAttempts, maxCostUsd }: CostQuestion,
  budget: Budget | undefined,
): { readonly microUsd: number } | FieldError {
  if (model === null) return { microUsd: 0 }
  const stated = maxCostUsd ?? type.limits.maxCostUsd
  const bound = stated === undefined ? Number.POSITIVE_INFINITY : toMicro(stated)
  const spending: Spending = type.spends?.(input as never) ?? { textBytes: 0 }
  const attempt = worstAttempt(model, spending, budget)
  if ('unpriced' in attempt)
    return {
      path: 'model',
      message: `"${attempt.unpriced}" has no known price, so that its cost cannot be bounded. Take a model that has one, or let the stage set budget.unknownUsdPerMillionTokens.`,
    }
  if (type.spends) return { microUsd: Math.min(bound, attempt.microUsd * maxAttempts) }
  if (stated !== undefined) return { microUsd: model.startsWith('simulated-') ? 0 : bound }
  return {
    path: 'max_cost_usd',
    message: `is needed under a budget: how many calls a task of "${type.name}" makes is not known before.`,
  }
}

/** Whether any limit applies to a task's cost. */
export const isBounded = (budget: Budget | undefined, maxCostUsd: number | undefined): boolean =>
  hasBudget(budget) || maxCostUsd !== undefined

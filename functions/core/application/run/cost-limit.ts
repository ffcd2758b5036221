import { type Budget, DEFAULT_OUTPUT_TOKENS, spentMicroUsd } from '../../domain/budget.ts'
import { TaskError } from '../../domain/errors.ts'
import type { Task, Usage } from '../../domain/task.ts'
import { maxTokensOf, worstCallMicroUsd } from '../../domain/worst-cost.ts'
import type { ModelRequest } from '../../ports/model-provider.ts'

type SentText = Partial<Pick<ModelRequest, 'system' | 'json' | 'maxTokens'>> & {
  readonly prompt?: string | undefined
  readonly messages?: ModelRequest['messages'] | undefined
}

export interface CostLimit {
  /** Adds an output limit to a call without one, where costs are limited. */
  bound<Call extends SentText>(call: Call): Call
  /**
   * Makes a call if the remaining money covers its highest possible cost. Otherwise it first waits for the task's other calls,
   * whose actual cost may be lower.
   *
   * @throws TaskError `cost_limit_reached`, never retried: another attempt could spend no more.
   */
  within<Answer>(model: string, call: SentText, ask: () => Promise<Answer>): Promise<Answer>
}

/**
 * Limits a task to the cost that was reserved at its submit: also a type whose calls were not known then cannot spend more,
 * whatever its code does.
 */
export function openCostLimit(
  task: Pick<Task, 'held' | 'maxCostMicroUsd'>,
  budget: Budget | undefined,
  usage: () => Usage | undefined,
  signal: AbortSignal,
): CostLimit {
  const { held, maxCostMicroUsd } = task
  if (held?.microUsd === undefined && maxCostMicroUsd === undefined)
    return { bound: (call) => call, within: (_model, _call, ask) => ask() }
  const outputTokens = budget?.outputTokens ?? DEFAULT_OUTPUT_TOKENS
  let taken = 0
  let changed = Promise.withResolvers<void>()

  const left = () => {
    const spent = usage()
    const now = { held, ...(spent ? { usage: spent } : {}) } as Pick<Task, 'usage' | 'held'>
    return Math.min(
      held?.microUsd === undefined ? Number.POSITIVE_INFINITY : held.microUsd - spentMicroUsd(now),
      maxCostMicroUsd === undefined ? Number.POSITIVE_INFINITY : maxCostMicroUsd - (spent?.costMicroUsd ?? 0),
    )
  }
  return {
    bound: (call) => ({ ...call, maxTokens: call.maxTokens ?? outputTokens }),
    async within(model, call, ask) {
      const bound = { inputTokens: inputTokensOf(model, call), outputTokens: call.maxTokens ?? outputTokens }
      const cost = worstCallMicroUsd(model, bound, budget)
      for (;;) {
        signal.throwIfAborted()
        if (cost !== undefined && cost <= left() - taken) break
        if (cost === undefined || taken === 0) throw limitReached(model, cost, left() - taken)
        await changed.promise
      }
      taken += cost
      try {
        return await ask()
      } finally {
        // The actual usage has been recorded by now.
        taken -= cost
        changed.resolve()
        changed = Promise.withResolvers()
      }
    },
  }
}

function inputTokensOf(model: string, { prompt = '', messages = [], system = '', json }: SentText): number {
  let bytes =
    Buffer.byteLength(prompt) +
    Buffer.byteLength(system) +
    (json ? Buffer.byteLength(JSON.stringify(json)) : 0)
  let images = 0
  for (const { content } of messages)
    if (typeof content === 'string') bytes += Buffer.byteLength(content)
    else
      for (const part of content)
        if (part.type === 'text') bytes += Buffer.byteLength(part.text)
        else images += 1
  return maxTokensOf(bytes, images, model)
}

const limitReached = (model: string, cost: number | undefined, left: number): TaskError =>
  new TaskError(
    cost === undefined
      ? `The cost of "${model}" cannot be bounded: it has no known price.`
      : `The next call of "${model}" may cost $${(cost / 1_000_000).toFixed(6)}, and $${(Math.max(0, left) / 1_000_000).toFixed(6)} are left of what the task may cost.`,
    { code: 'cost_limit_reached' },
  )

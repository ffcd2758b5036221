import { describeFailure } from '../../domain/retry.ts'
import type { Task, Usage } from '../../domain/task.ts'
import { childTrace } from '../../domain/trace.ts'
import type { Clock, Ids } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { ModelProviders } from '../../ports/model-provider.ts'
import { taskFields } from '../shared/task-fields.ts'
import type { ProviderGate } from './guard-provider.ts'

interface Dependencies {
  readonly providers: ModelProviders
  readonly gate: ProviderGate
  /** Name of a model's entry in the price list, or `other`: a caller's own words must not become a dimension. */
  readonly labelOf: (model: string) => string
  readonly priceOf: (model: string, inputTokens: number, outputTokens: number) => number | null
  readonly defaultModel: string
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
}

interface Call {
  readonly prompt: string
  readonly system?: string
  readonly temperature?: number
  readonly maxTokens?: number
  readonly onDelta?: (text: string) => void
}

export interface ModelMeter {
  readonly client: { readonly name: string; complete(call: Call): Promise<string> }
  /** What the task used so far, earlier attempts included; undefined while no call was answered. */
  readonly usage: () => Usage | undefined
  /** Whether a call of this attempt was answered. */
  readonly isPaid: () => boolean
  /** The provider of this attempt's calls. */
  readonly provider: () => string | undefined
}

/** Gives a task its model and books what each call used. */
export function meterModel(
  { providers, gate, labelOf, priceOf, defaultModel, clock, ids, log }: Dependencies,
  task: Task,
  signal: AbortSignal,
): ModelMeter {
  const name = task.model ?? defaultModel
  let usage = task.usage
  let provider: string | undefined
  let isPaid = false
  return {
    usage: () => usage,
    isPaid: () => isPaid,
    provider: () => provider,
    client: {
      name,
      async complete({ onDelta, ...call }) {
        const answerer = await providers.forModel(name)
        provider = answerer.name
        const request = { model: name, ...call, attempt: task.attempt }
        const circuit = circuitOf(answerer.name, name)
        const entered = await gate.enter(circuit, task.parkedSince)
        const startedAt = clock.now()
        const spanId = ids.spanId()
        const callFields = () => ({
          ...taskFields(task),
          span_id: spanId,
          provider: answerer.name,
          model: labelOf(name),
          call_ms: clock.now() - startedAt,
        })
        const answer = await answerer
          .generate(request, {
            signal,
            ...(onDelta ? { onDelta } : {}),
            ...(task.trace === undefined ? {} : { traceparent: childTrace(task.trace, spanId) }),
          })
          .catch(async (error) => {
            log('model.failed', { ...callFields(), code: describeFailure(error).code })
            throw await gate.failed(circuit, error, entered)
          })
        isPaid = true
        await gate.succeeded(circuit)
        const { inputTokens, outputTokens } = answer
        // Unknown stays unknown: a sum with a hole in it is not a cost.
        const cost = answerer.name === 'simulated' ? 0 : priceOf(name, inputTokens, outputTokens)
        log('model.answered', {
          ...callFields(),
          input_tokens: inputTokens,
          output_tokens: outputTokens,
          ...(cost === null ? {} : { cost_usd: cost / 1_000_000 }),
        })
        const before = usage ? usage.costMicroUsd : 0
        usage = {
          inputTokens: (usage?.inputTokens ?? 0) + inputTokens,
          outputTokens: (usage?.outputTokens ?? 0) + outputTokens,
          costMicroUsd: cost === null || before === null ? null : before + cost,
          provider: answerer.name,
        }
        return answer.text
      },
    },
  }
}

/** A simulated model that fails on purpose plays a provider of its own: it must not pause the others. */
export const circuitOf = (provider: string, model: string): string =>
  provider === 'simulated' ? `simulated:${model}` : provider

import type { Budget } from '../../domain/budget.ts'
import { TROUBLE_CODES } from '../../domain/circuit.ts'
import { ProviderError, TaskError, TaskTimeoutError } from '../../domain/errors.ts'
import { circuitOf } from '../../domain/model-routes.ts'
import { addCall, addUsage, type ModelUsage } from '../../domain/model-usage.ts'
import { isFailureOfTierOnly, tierFor } from '../../domain/price-tier.ts'
import { truncated, unansweredCall } from '../../domain/provider-failure.ts'
import {
  canonicalRequest,
  type RecordedCall,
  type RecordedReply,
  recordingKeyOf,
} from '../../domain/recording.ts'
import { describeFailure } from '../../domain/retry.ts'
import type { Task, Usage } from '../../domain/task.ts'
import { childTrace } from '../../domain/trace.ts'
import type { Ids } from '../../ports/clock.ts'
import type { ModelAnswer, ModelMessage, ModelProviders, ModelRequest } from '../../ports/model-provider.ts'
import type { StepScope } from '../../ports/step-scope.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { taskFields } from '../shared/task-fields.ts'
import { openCostLimit } from './cost-limit.ts'
import type { ProviderGate } from './guard-provider.ts'
import { estimateTokens, type ProviderLimiter } from './limit-provider.ts'
import { OpenCalls } from './open-calls.ts'
import { type ShareDependencies, shareCall } from './share-call.ts'

interface Dependencies extends ShareDependencies {
  readonly store: TaskStore
  readonly providers: ModelProviders
  readonly gate: ProviderGate
  readonly limiter?: ProviderLimiter | undefined
  readonly stepScope: StepScope
  /** Name of a model's entry in the price list, or `other`: a caller's own text must not become a metric dimension. */
  readonly labelOf: (model: string) => string
  readonly priceOf: (model: string, usage: ModelUsage) => number | null
  readonly defaultModel: string
  readonly budget?: Budget | undefined
  readonly ids: Ids
}

/** A call as `core/kit/define-task.ts` offers it to authors. */
interface Call extends Pick<ModelRequest, 'system' | 'temperature' | 'maxTokens' | 'stop' | 'json'> {
  readonly prompt?: string | undefined
  readonly messages?: readonly ModelMessage[] | undefined
  readonly model?: string | readonly string[]
  readonly failOnTruncation?: boolean
  readonly share?: boolean | { readonly reuseSeconds: number }
  readonly onDelta?: (text: string) => void
  readonly onRestart?: () => void
}

interface MeteredAnswer extends ModelAnswer {
  readonly isTruncated: boolean
  readonly model: string
  readonly provider: string
}

export interface ModelMeter {
  readonly client: {
    readonly name: string
    complete(call: Call): Promise<string>
    generate(call: Call): Promise<MeteredAnswer>
  }
  /** The task's usage so far, earlier attempts included; undefined while no call was answered. */
  readonly usage: () => Usage | undefined
  /** Adds the usage of earlier attempts whose worker crashed. */
  readonly addEarlierUsage: (earlier: Usage) => void
  /** Whether a call of this attempt was answered. */
  readonly isPaid: () => boolean
  /** The provider of this attempt's calls. */
  readonly provider: () => string | undefined
  /** Recorded requests and answers, where the stage records them; undefined when one of the answers was not recorded. */
  readonly recorded: () => readonly RecordedCall[] | undefined
  /** Calls that providers run in the background. */
  readonly calls: OpenCalls
}

/** Codes after which the next model of a list is called: this model cannot answer now, whatever the prompt is. */
const NEXT_MODEL_CODES: readonly string[] = [
  ...TROUBLE_CODES,
  'circuit_open',
  'provider_limit',
  'model_not_found',
  'provider_not_configured',
  'provider_quota_exhausted',
]

/** Usage of an answer that another task has paid for. */
const NOTHING_USED: ModelUsage = {
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: null,
  reasoningTokens: null,
}

/** When an attempt's time is over and its call has waited this long for the first byte, the provider counts as down. */
const MIN_SILENCE_MS = 3_000

/** Creates the model client of a task, and records the usage of each call. */
export function meterModel(dependencies: Dependencies, task: Task, signal: AbortSignal): ModelMeter {
  const { providers, gate, limiter, stepScope, labelOf, priceOf, defaultModel, clock, ids, log } =
    dependencies
  const name = task.model ?? defaultModel
  let usage = task.usage
  let provider: string | undefined
  let isPaid = false
  let shared = 0
  // The planned start is valid for one call only.
  let planned = task.modelWait
  const recordings: RecordedCall[] = []
  let isWhole = true
  const calls = new OpenCalls(dependencies, task)
  const costLimit = openCostLimit(task, dependencies.budget, () => usage, signal)

  const ask = async (
    key: string,
    model: string,
    { onDelta, onRestart: _restart, failOnTruncation, share, ...call }: Call,
    hasOtherModel: boolean,
  ): Promise<MeteredAnswer> => {
    const answerer = await providers.forModel(model)
    provider = answerer.name
    const { prompt, messages, model: _models, ...rest } = call
    const tier = tierFor(task, answerer.tiersOf?.(model) ?? [], clock.now())
    const request = {
      ...rest,
      model,
      messages: messages ?? [{ role: 'user' as const, content: prompt ?? '' }],
      attempt: task.attempt,
      ...(tier ? { tier } : {}),
    }
    const fingerprintOf = (asked: ModelRequest) => stepScope.fingerprint(recordingKeyOf(asked))
    const circuit = circuitOf(answerer.name, model)
    const tokens = estimateTokens(request)
    const { tenant } = task
    const limited = {
      provider: answerer.name,
      circuit,
      tenant,
      planned,
      tokens,
      isPaid,
      hasOtherModel,
      signal,
    }
    planned = undefined
    let headersNoted: Promise<void> | undefined
    let isHeard = false
    const onHeaders = (headers: Readonly<Record<string, string | undefined>>) => {
      isHeard = true
      headersNoted = limiter?.noteHeaders(circuit, headers)
    }
    let startedAt = clock.now()
    const spanId = ids.spanId()
    const callFields = () => ({
      ...taskFields(task),
      span_id: spanId,
      provider: answerer.name,
      model: labelOf(model),
      call_ms: clock.now() - startedAt,
    })
    const savedBy = ({ tier: served, ...used }: ModelUsage, costMicroUsd: number | null): number =>
      served === undefined || costMicroUsd === null
        ? 0
        : Math.max(0, (priceOf(model, used) ?? 0) - costMicroUsd)
    const book = (
      used: ModelUsage,
      end: Pick<Usage, 'finishReason' | 'isTruncated' | 'sharedWith'>,
      costMicroUsd = answerer.name === 'simulated' ? 0 : priceOf(model, used),
    ) => {
      const add = (before: Usage | undefined) =>
        addCall(before, used, {
          ...end,
          costMicroUsd,
          savedMicroUsd: savedBy(used, costMicroUsd),
          provider: answerer.name,
          model,
        })
      usage = add(usage)
      stepScope.book(add)
      return {
        ...(used.inputTokens === null ? {} : { input_tokens: used.inputTokens }),
        ...(used.outputTokens === null ? {} : { output_tokens: used.outputTokens }),
        ...(costMicroUsd === null ? {} : { cost_usd: costMicroUsd / 1_000_000 }),
      }
    }
    const endOf = ({ finishReason }: ModelAnswer) => ({
      finishReason,
      ...(finishReason === 'length' ? { isTruncated: true } : {}),
    })
    const make = async (): Promise<ModelAnswer> => {
      await gate.enter(circuit, task)
      // A call that still runs at its provider was counted when it began.
      const isNew = calls.modelOf(key) !== model
      if (limiter && isNew)
        await limiter.enter(limited).catch((error) => {
          gate.leave(circuit)
          throw error
        })
      startedAt = clock.now()
      const { records } = answerer
      const record = records && {
        asked: fingerprintOf(request),
        speaks: records,
        provider: answerer.name,
        ...(answerer.background?.takes(request) ? { isBackground: true as const } : {}),
        replies: [] as RecordedReply[],
      }
      if (record) recordings.push(record)
      const { isBooked, ...answer } = await calls
        .answer(key, answerer, request, {
          signal,
          onDelta: (text) => {
            isHeard = true
            onDelta?.(text)
          },
          onHeaders,
          ...(record ? { onReply: (reply: RecordedReply) => void record.replies.push(reply) } : {}),
          ...(task.trace === undefined ? {} : { traceparent: childTrace(task.trace, spanId) }),
        })
        .catch(async (error) => {
          const { code } = describeFailure(error)
          // The call was made and is billed, even if it was refused or truncated.
          const booked =
            error instanceof ProviderError && error.usage ? book(error.usage, { finishReason: code }) : {}
          log('model.failed', { ...callFields(), code, ...booked })
          await headersNoted
          if (isFailureOfTierOnly(tier, code)) throw error
          const isPlanned = await limiter?.refused(limited, error)
          const isUnanswered =
            error instanceof TaskTimeoutError &&
            isNew &&
            !isHeard &&
            clock.now() - startedAt >= MIN_SILENCE_MS
          await gate.failed(circuit, isUnanswered ? unansweredCall(answerer.name) : error, task)
          throw isPlanned ?? error
        })
        .finally(() => gate.leave(circuit))
      isPaid = true
      await headersNoted
      const { inputTokens, outputTokens } = answer.usage
      if (inputTokens !== null) limiter?.used(circuit, tokens, inputTokens + (outputTokens ?? 0))
      // The provider does not support recording.
      if (!record?.replies.length) isWhole = false
      await gate.succeeded(circuit, task)
      log('model.answered', { ...callFields(), ...(isBooked ? {} : book(answer.usage, endOf(answer))) })
      return answer
    }
    const shareIt = async (reuseMs: number | undefined): Promise<ModelAnswer> => {
      const hash = stepScope.fingerprint(`${answerer.name} ${canonicalRequest(request)}`)
      const which = { task, hash, nth: ++shared, reuseMs, signal }
      const { answer, sharedWith } = await shareCall(dependencies, which, make)
      if (sharedWith === undefined) return answer
      isWhole = false
      book(NOTHING_USED, { ...endOf(answer), sharedWith }, 0)
      onDelta?.(answer.text)
      return { ...answer, usage: NOTHING_USED }
    }
    // A call that an earlier attempt of this task has begun is not shared.
    const isOwn = !share || calls.modelOf(key) !== undefined
    const answer = isOwn
      ? await make()
      : await shareIt(share === true ? undefined : share.reuseSeconds * 1_000)
    const isTruncated = answer.finishReason === 'length'
    if (isTruncated && failOnTruncation) throw truncated(answerer.name)
    return { ...answer, isTruncated, model, provider: answerer.name }
  }

  const generate = async (wanted: Call): Promise<MeteredAnswer> => {
    const call = costLimit.bound(wanted)
    const models = call.model === undefined ? [name] : [call.model].flat()
    const { onDelta: _delta, onRestart: _restart, ...content } = call
    const key = calls.keyOf({ ...content, model: models })
    // The model whose call is still running comes first.
    const asked = calls.modelOf(key)
    const order = models.toSorted((left, right) => Number(right === asked) - Number(left === asked))
    const failures: ProviderError[] = []
    for (const [index, model] of order.entries())
      try {
        return await costLimit.within(model, call, () => ask(key, model, call, index < order.length - 1))
      } catch (error) {
        if (!(error instanceof ProviderError) || !NEXT_MODEL_CODES.includes(error.code)) throw error
        failures.push(error)
        if (index < order.length - 1) await calls.cancel(key)
        call.onRestart?.()
      }
    // The task may be retried if any of its models allows it; an attempt is used up if any of them was called.
    throw (
      failures.find(({ retry }) => retry === 'counted') ??
      // The last error, which has the planned start if a provider limit caused it.
      failures.findLast(({ retry }) => retry === 'uncounted') ??
      failures[0] ??
      new TaskError('The list of models is empty.')
    )
  }

  return {
    usage: () => usage,
    addEarlierUsage: (earlier) => {
      usage = addUsage(earlier, usage)
    },
    isPaid: () => isPaid,
    provider: () => provider,
    recorded: () => (isWhole ? recordings : undefined),
    calls,
    client: { name, generate, complete: async (call) => (await generate(call)).text },
  }
}

import { describe, expect, it } from 'vitest'
import { meterModel } from '../../functions/core/application/run/meter-model.ts'
import { costMicroUsd } from '../../functions/core/domain/cost.ts'
import { ProviderError, type ProviderErrorCode, type Retry } from '../../functions/core/domain/errors.ts'
import type { ModelUsage } from '../../functions/core/domain/model-usage.ts'
import { contentRefused } from '../../functions/core/domain/provider-failure.ts'
import type { ModelAnswer, ModelRequest } from '../../functions/core/ports/model-provider.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { makeWorld } from '../fixtures/world.ts'

const USED: ModelUsage = { inputTokens: 10, outputTokens: 2, cachedTokens: null, reasoningTokens: null }
const failure = (code: ProviderErrorCode, retry: Retry) => new ProviderError(code, 'x', retry, 'openai')

/** A meter whose models behave as the test says, and the models that were called. */
function open(answers: Readonly<Record<string, () => ModelAnswer>>) {
  const world = makeWorld()
  const asked: ModelRequest[] = []
  const providers = {
    forModel: async () => ({
      name: 'openai',
      generate: async (request: ModelRequest) => {
        asked.push(request)
        const answer = answers[request.model]
        if (!answer) throw failure('model_not_found', 'never')
        return answer()
      },
    }),
  }
  const task = { ...makeTask(world.clock.now(), { model: 'a' }), attempt: 1 }
  const dependencies = { ...world.worker, providers, priceOf: costMicroUsd }
  return { meter: meterModel(dependencies, task, new AbortController().signal), asked }
}
const whole =
  (text: string, more: Partial<ModelAnswer> = {}) =>
  () =>
    ({ text, usage: USED, finishReason: 'stop', ...more }) as const
const failing = (code: ProviderErrorCode, retry: Retry) => () => {
  throw failure(code, retry)
}

describe('a list of models', () => {
  it.each<[ProviderErrorCode, Retry]>([
    ['provider_unavailable', 'counted'],
    ['provider_rate_limited', 'counted'],
    ['provider_unreachable', 'counted'],
    ['circuit_open', 'uncounted'],
    ['model_not_found', 'never'],
    ['provider_not_configured', 'never'],
    ['provider_quota_exhausted', 'never'],
  ])('continues with the next after %s, and usage names who answered', async (code, retry) => {
    const { meter, asked } = open({ a: failing(code, retry), b: whole('from b') })
    expect(await meter.client.generate({ prompt: 'x', model: ['a', 'b'] })).toMatchObject({
      text: 'from b',
      model: 'b',
      provider: 'openai',
    })
    expect(asked.map(({ model }) => model)).toEqual(['a', 'b'])
    expect(meter.usage()).toMatchObject({ model: 'b', finishReason: 'stop', inputTokens: 10 })
  })

  it.each<[ProviderErrorCode, Retry]>([
    ['content_refused', 'never'],
    ['context_too_long', 'never'],
    ['provider_rejected', 'never'],
    ['result_too_large', 'never'],
    ['provider_bad_answer', 'counted'],
  ])('stops at %s', async (code, retry) => {
    const { meter, asked } = open({ a: failing(code, retry), b: whole('from b') })
    await expect(meter.client.complete({ prompt: 'x', model: ['a', 'b'] })).rejects.toMatchObject({ code })
    expect(asked).toHaveLength(1)
  })

  it('that all fail is retried if one of them may be, and uses up an attempt if one was called', async () => {
    const first = open({ a: failing('model_not_found', 'never'), b: failing('circuit_open', 'uncounted') })
    await expect(first.meter.client.complete({ prompt: 'x', model: ['a', 'b'] })).rejects.toMatchObject({
      code: 'circuit_open',
    })
    const second = open({
      a: failing('circuit_open', 'uncounted'),
      b: failing('provider_unavailable', 'counted'),
    })
    await expect(second.meter.client.complete({ prompt: 'x', model: ['a', 'b'] })).rejects.toMatchObject({
      code: 'provider_unavailable',
    })
  })
})

describe('the recorded usage', () => {
  it('of a refusal includes its tokens and its code', async () => {
    const { meter } = open({
      'gpt-4o': () => {
        throw contentRefused('openai', USED)
      },
    })
    await expect(meter.client.complete({ prompt: 'x', model: 'gpt-4o' })).rejects.toThrow()
    expect(meter.usage()).toMatchObject({
      inputTokens: 10,
      outputTokens: 2,
      costMicroUsd: 45,
      finishReason: 'content_refused',
    })
  })

  it('of a model with a price but without tokens has an unknown cost, not zero', async () => {
    const usage = { inputTokens: null, outputTokens: null, cachedTokens: null, reasoningTokens: null }
    const { meter } = open({ 'gpt-4o': whole('x', { usage }) })
    await meter.client.complete({ prompt: 'x', model: 'gpt-4o' })
    expect(meter.usage()).toMatchObject({ inputTokens: null, costMicroUsd: null })
  })

  it('of a truncated answer says so, and the call fails where that was requested', async () => {
    const { meter } = open({ a: whole('half', { finishReason: 'length' }) })
    expect(await meter.client.generate({ prompt: 'x' })).toMatchObject({ text: 'half', isTruncated: true })
    expect(meter.usage()).toMatchObject({ finishReason: 'length', isTruncated: true })
    await expect(meter.client.complete({ prompt: 'x', failOnTruncation: true })).rejects.toMatchObject({
      code: 'answer_truncated',
      retry: 'never',
    })
    expect(meter.usage()).toMatchObject({ outputTokens: 4 })
  })
})

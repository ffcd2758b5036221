import {
  BedrockRuntimeClient,
  ConverseStreamCommand,
  ThrottlingException,
} from '@aws-sdk/client-bedrock-runtime'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, it } from 'vitest'
import { createBedrockProvider } from '../../functions/core/adapters/providers/bedrock/bedrock-provider.ts'
import { addressOf } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
import { createSimulatedProvider } from '../../functions/core/adapters/providers/simulated/simulated-provider.ts'
import { systemClock } from '../../functions/core/adapters/system/clock.ts'

const HI = [{ role: 'user' as const, content: 'hi' }]
const signal = new AbortController().signal

describe('bedrock', () => {
  const bedrock = mockClient(BedrockRuntimeClient)
  const provider = createBedrockProvider(Date.now, bedrock as unknown as BedrockRuntimeClient)
  beforeEach(() => void bedrock.reset())
  const streamOf = async function* (events: readonly object[]) {
    yield* events
  }
  const text = (piece: string) => ({ contentBlockDelta: { delta: { text: piece } } })

  it('streams the text and counts the tokens', async () => {
    bedrock.on(ConverseStreamCommand).resolvesOnce({
      stream: streamOf([
        text('hel'),
        text('lo'),
        { messageStop: { stopReason: 'end_turn' } },
        { metadata: { usage: { inputTokens: 5, outputTokens: 2 } } },
      ]),
    } as never)
    const pieces: string[] = []
    const answer = await provider.generate(
      { model: 'amazon.nova-micro-v1:0', messages: HI, maxTokens: 9 },
      { signal, onDelta: (piece) => pieces.push(piece) },
    )
    expect(answer).toEqual({
      text: 'hello',
      usage: { inputTokens: 5, outputTokens: 2, cachedTokens: null, reasoningTokens: null },
      finishReason: 'stop',
    })
    expect(pieces).toEqual(['hel', 'lo'])
    expect(bedrock.commandCalls(ConverseStreamCommand)[0]?.args[0].input).toEqual({
      modelId: 'amazon.nova-micro-v1:0',
      messages: [{ role: 'user', content: [{ text: 'hi' }] }],
      inferenceConfig: { maxTokens: 9 },
    })
  })

  it.each([
    [[text('half')], { code: 'provider_bad_answer', retry: 'counted' }],
    [[{ messageStop: { stopReason: 'guardrail_intervened' } }], { code: 'content_refused', retry: 'never' }],
  ])('a stream that is not a complete answer is the right error (%#)', async (events, expected) => {
    bedrock.on(ConverseStreamCommand).resolvesOnce({ stream: streamOf(events) } as never)
    await expect(provider.generate({ model: 'm', messages: HI }, { signal })).rejects.toMatchObject(expected)
  })

  it.each<[string, number | undefined, string, object]>([
    [
      'ThrottlingException',
      400,
      'Too many tokens, please wait',
      { code: 'provider_rate_limited', retry: 'counted' },
    ],
    [
      'ValidationException',
      400,
      'Input is too long for requested model.',
      { code: 'context_too_long', retry: 'never' },
    ],
    [
      'ValidationException',
      400,
      'Too many requests, please wait before trying again.',
      { code: 'provider_rate_limited', retry: 'counted' },
    ],
    [
      'ValidationException',
      400,
      'The provided model identifier is invalid.',
      { code: 'model_not_found', retry: 'never' },
    ],
    ['ServiceQuotaExceededException', 400, 'x', { code: 'provider_quota_exhausted', retry: 'never' }],
    ['ModelErrorException', 424, 'x', { code: 'provider_unavailable', retry: 'counted' }],
    ['AccessDeniedException', 403, 'x', { code: 'provider_unauthorized', retry: 'never' }],
  ])(
    '%s (%s, %s) is classified by its name, before a stream and inside it',
    async (name, httpStatusCode, message, expected) => {
      const exception = Object.assign(new Error(message), { name, $metadata: { httpStatusCode } })
      bedrock.on(ConverseStreamCommand).rejectsOnce(exception)
      await expect(provider.generate({ model: 'm', messages: HI }, { signal })).rejects.toMatchObject(
        expected,
      )
      bedrock.reset()
      const inside = Object.assign(new Error(message), { name, $metadata: {} })
      const field = `${name[0]?.toLowerCase()}${name.slice(1)}`
      bedrock
        .on(ConverseStreamCommand)
        .resolvesOnce({ stream: streamOf([text('half'), { [field]: inside }]) } as never)
      const known = ['throttlingException', 'validationException'].includes(field)
      await expect(provider.generate({ model: 'm', messages: HI }, { signal })).rejects.toMatchObject(
        known ? expected : { code: 'provider_bad_answer' },
      )
    },
  )

  it('a connection that drops after the end does not change the answer', async () => {
    const dropping = async function* () {
      yield text('whole')
      yield { messageStop: { stopReason: 'end_turn' } }
      throw new Error('socket hang up')
    }
    bedrock.on(ConverseStreamCommand).resolvesOnce({ stream: dropping() } as never)
    expect(await provider.generate({ model: 'm', messages: HI }, { signal })).toMatchObject({
      text: 'whole',
      usage: { outputTokens: null },
    })
  })

  it('a throttled call is retried later', async () => {
    bedrock
      .on(ConverseStreamCommand)
      .rejectsOnce(new ThrottlingException({ message: 'too fast', $metadata: { httpStatusCode: 429 } }))
    await expect(provider.generate({ model: 'm', messages: HI }, { signal })).rejects.toMatchObject({
      code: 'provider_rate_limited',
      retry: 'counted',
    })
  })
})

describe('simulated', () => {
  const provider = createSimulatedProvider(systemClock)
  const ask = (model: string, prompt = 'Why?', attempt = 1) =>
    provider.generate({ model, messages: [{ role: 'user', content: prompt }], attempt }, { signal })

  it('returns the same text for the same prompt, and another for another', async () => {
    const [one, same, other] = await Promise.all([
      ask('simulated-fast'),
      ask('simulated-fast'),
      ask('simulated-fast', 'How?'),
    ])
    expect(same).toEqual(one)
    expect(other.text).not.toBe(one.text)
  })

  it.each([
    ['simulated-fail-503', { code: 'provider_unavailable', retry: 'counted' }],
    ['simulated-fail-401', { code: 'provider_unauthorized', retry: 'never' }],
    ['simulated-429-7', { code: 'provider_rate_limited', retryAfterMs: 7_000 }],
    ['simulated-refuse', { code: 'content_refused', retry: 'never' }],
    ['simulated-dance', { code: 'provider_rejected', retry: 'never' }],
  ])('%s behaves as its name says', async (model, expected) => {
    await expect(ask(model)).rejects.toMatchObject(expected)
  })

  it('flaky-2 fails twice, then answers', async () => {
    await expect(ask('simulated-flaky-2', 'x', 2)).rejects.toMatchObject({ code: 'provider_unavailable' })
    await expect(ask('simulated-flaky-2', 'x', 3)).resolves.toMatchObject({ finishReason: 'stop' })
  })
})

describe('the URL of a call', () => {
  it.each([
    ['https://api.openai.com/v1', 'https://api.openai.com/v1/chat/completions'],
    ['http://127.0.0.1:11434/v1/', 'http://127.0.0.1:11434/v1/chat/completions'],
    [
      'https://x.openai.azure.com',
      'https://x.openai.azure.com/openai/deployments/my%20model/chat/completions?api-version=2024-10-21',
    ],
    [
      'https://x.openai.azure.com/openai/deployments/d?api-version=2025-01-01-preview',
      'https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2025-01-01-preview',
    ],
    ['https://x.openai.azure.com/openai/v1/', 'https://x.openai.azure.com/openai/v1/chat/completions'],
  ])('of %s', (base, address) => {
    expect(addressOf(new URL(base), 'my model').href).toBe(address)
  })
})

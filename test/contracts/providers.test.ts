import { BedrockRuntimeClient } from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createAnthropicProvider } from '../../functions/core/adapters/providers/anthropic/anthropic-provider.ts'
import { createBedrockProvider } from '../../functions/core/adapters/providers/bedrock/bedrock-provider.ts'
import { createOpenaiProvider } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
import { createSimulatedProvider } from '../../functions/core/adapters/providers/simulated/simulated-provider.ts'
import { systemClock } from '../../functions/core/adapters/system/clock.ts'
import { failedStatus } from '../../functions/core/domain/provider-failure.ts'
import { MemoryModel } from '../fixtures/memory-model.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { modelProviderContract } from './model-provider.ts'

let server: Awaited<ReturnType<typeof startModelServer>>
beforeAll(async () => {
  server = await startModelServer()
})
afterAll(() => server.stop())

modelProviderContract('openai', () => ({
  server,
  provider: createOpenaiProvider({ name: 'openai', key: 'test-key', baseUrl: server.openaiUrl }, Date.now),
}))
modelProviderContract('anthropic', () => ({
  server,
  provider: createAnthropicProvider(
    { name: 'anthropic', key: 'test-key', baseUrl: server.anthropicUrl },
    Date.now,
  ),
}))
modelProviderContract('bedrock', () => ({
  server,
  provider: createBedrockProvider(
    Date.now,
    new BedrockRuntimeClient({
      region: 'eu-central-1',
      endpoint: server.anthropicUrl,
      maxAttempts: 1,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      requestHandler: new NodeHttpHandler(),
    }),
  ),
}))

const SIMULATED: Readonly<Record<string, string>> = {
  'stub-0': 'simulated-fast',
  'stub-500': 'simulated-fail-500',
  'stub-503': 'simulated-fail-503',
  'stub-401': 'simulated-fail-401',
  'stub-400': 'simulated-fail-400',
  'stub-429': 'simulated-429-3',
  'stub-cut': 'simulated-cut',
  'stub-hang': 'simulated-hang',
}
modelProviderContract('simulated', () => ({ provider: createSimulatedProvider(systemClock) }), {
  modelFor: (way) => SIMULATED[way],
  textOf: (prompt) => expect.stringContaining(prompt),
  usage: {
    inputTokens: expect.any(Number),
    outputTokens: expect.any(Number),
    cachedTokens: null,
    reasoningTokens: null,
  },
})

// The in-memory double of the death tests must pass the tests of the real providers.
const STATUS = /^stub-(\d{3})$/
modelProviderContract(
  'memory',
  () => {
    const provider = new MemoryModel({ now: Date.now, sleep: systemClock.sleep }, { callMs: 0 })
    provider.answerTo = ({ model, messages }) => {
      const status = Number(STATUS.exec(model)?.[1])
      if (status)
        throw failedStatus({ provider: 'memory', status, message: 'x', retryAfter: '3', now: Date.now() })
      return `echo: ${String(messages.at(-1)?.content)}`
    }
    return { provider }
  },
  {
    modelFor: (way) => (/^stub-(0|\d{3}|hang)$/.test(way) ? way : undefined),
    textOf: (prompt) => `echo: ${prompt}`,
    usage: { inputTokens: 1, outputTokens: 2, cachedTokens: null, reasoningTokens: null },
  },
)

it('bedrock sends the trace along, signed with the rest', async () => {
  const sent: Record<string, string>[] = []
  const client = new BedrockRuntimeClient({
    region: 'eu-central-1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    requestHandler: {
      metadata: { handlerProtocol: 'http/1.1' },
      handle: async (request: { headers: Record<string, string> }) => {
        sent.push(request.headers)
        throw new Error('socket closed')
      },
    } as never,
  })
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  await expect(
    createBedrockProvider(Date.now, client).generate(
      { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
      { signal: new AbortController().signal, traceparent },
    ),
  ).rejects.toMatchObject({ message: expect.stringContaining('socket closed') })
  expect(sent).toMatchObject([{ traceparent }])
  expect(sent[0]?.authorization).toContain('traceparent')
})

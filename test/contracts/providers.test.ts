import { BedrockRuntimeClient } from '@aws-sdk/client-bedrock-runtime'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createAnthropicProvider } from '../../functions/core/adapters/providers/anthropic/anthropic-provider.ts'
import { createBedrockProvider } from '../../functions/core/adapters/providers/bedrock/bedrock-provider.ts'
import { createOpenaiProvider } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
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

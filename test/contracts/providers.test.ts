import { afterAll, beforeAll } from 'vitest'
import { createAnthropicProvider } from '../../functions/core/adapters/providers/anthropic/anthropic-provider.ts'
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
  provider: createOpenaiProvider('test-key', server.openaiUrl, Date.now),
}))
modelProviderContract('anthropic', () => ({
  server,
  provider: createAnthropicProvider('test-key', server.anthropicUrl, Date.now),
}))

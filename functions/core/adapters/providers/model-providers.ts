import type { ProviderName } from '../../../contract.ts'
import { ProviderError } from '../../domain/errors.ts'
import { type ModelRoutes, routeModel } from '../../domain/model-routes.ts'
import { notConfigured } from '../../domain/provider-failure.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ModelProvider, ModelProviders } from '../../ports/model-provider.ts'

export interface ProviderOptions {
  readonly routes: ModelRoutes
  /** Undefined when there is no key. */
  readonly readKey: (provider: 'openai' | 'anthropic') => Promise<string | undefined>
  readonly baseUrls: { readonly openai?: string | undefined; readonly anthropic?: string | undefined }
  readonly clock: Clock
}

/** Loads each provider's SDK at its first call: a lane that asks one provider never pays for the others. */
export function createModelProviders(options: ProviderOptions): ModelProviders {
  return {
    async forModel(model) {
      const name = routeModel(options.routes, model)
      // Checked at submit; the stage's routes may have changed since.
      if (!name)
        throw new ProviderError(
          'provider_not_configured',
          `No provider answers for the model "${model}".`,
          'never',
          'none',
        )
      return open(name, options)
    },
  }
}

async function open(
  name: ProviderName,
  { readKey, baseUrls, clock }: ProviderOptions,
): Promise<ModelProvider> {
  switch (name) {
    case 'simulated':
      return (await import('./simulated/simulated-provider.ts')).createSimulatedProvider(clock)
    case 'bedrock':
      return (await import('./bedrock/bedrock-provider.ts')).createBedrockProvider(clock.now)
    case 'openai': {
      const key = await keyOf('openai', readKey, baseUrls.openai)
      return (await import('./openai/openai-provider.ts')).createOpenaiProvider(
        { name, key, baseUrl: baseUrls.openai },
        clock.now,
      )
    }
    case 'anthropic': {
      const key = await keyOf('anthropic', readKey, baseUrls.anthropic)
      return (await import('./anthropic/anthropic-provider.ts')).createAnthropicProvider(
        { name, key, baseUrl: baseUrls.anthropic },
        clock.now,
      )
    }
  }
}

/** A server of one's own may want no key. */
async function keyOf(
  provider: 'openai' | 'anthropic',
  readKey: ProviderOptions['readKey'],
  baseUrl: string | undefined,
): Promise<string | undefined> {
  const key = await readKey(provider)
  if (key || baseUrl) return key
  throw notConfigured(provider, `${provider}-api-key`)
}

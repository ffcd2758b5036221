// Written by "npm run generate" from functions/contract/providers.ts. Do not edit.
import type { ProviderName } from '../../../contract/providers.ts'
import type { OpenProvider } from './shared/open-provider.ts'

export const PROVIDER_MODULES: Readonly<
  Record<ProviderName, () => Promise<{ readonly openProvider: OpenProvider }>>
> = {
  simulated: () => import('./simulated/simulated-provider.ts'),
  openai: () => import('./openai/openai-provider.ts'),
  anthropic: () => import('./anthropic/anthropic-provider.ts'),
  bedrock: () => import('./bedrock/bedrock-provider.ts'),
}

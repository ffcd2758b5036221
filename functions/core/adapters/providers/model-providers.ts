import { keyParameterOf, PROVIDER_ROWS, PROVIDERS, type ServerSettings } from '../../../contract/providers.ts'
import { ProviderError } from '../../domain/errors.ts'
import { type ModelRoutes, routeModel } from '../../domain/model-routes.ts'
import { notConfigured } from '../../domain/provider-failure.ts'
import type { SecretValues } from '../../domain/secret-values.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ModelProviders } from '../../ports/model-provider.ts'
import { PROVIDER_MODULES } from './provider-modules.gen.ts'
import { type ProxyEnvironment, useProxy } from './shared/post-json.ts'

export interface ProviderOptions {
  readonly routes: ModelRoutes
  /** Settings of providers at another address, and of further model servers, by name. */
  readonly servers: Readonly<Record<string, ServerSettings>>
  /** Undefined when there is no key. */
  readonly readKey: (server: string) => Promise<string | undefined>
  readonly proxy: ProxyEnvironment
  /** Collects every key, and every password in a URL, so that they can be hidden in texts. */
  readonly secrets: Pick<SecretValues, 'add' | 'addFromUrl'>
  readonly clock: Clock
}

interface Server extends ServerSettings {
  readonly name: string
}

export function createModelProviders(options: ProviderOptions): ModelProviders {
  useProxy(options.proxy)
  for (const url of Object.values(options.proxy)) options.secrets.addFromUrl(url)
  for (const { baseUrl } of Object.values(options.servers)) options.secrets.addFromUrl(baseUrl)
  return {
    async forModel(model) {
      const name = routeModel(options.routes, model)
      // The model was checked at submit, but the stage's routes may have changed since.
      if (name === undefined) throw unknown(`No provider answers for the model "${model}".`)
      const speaks = PROVIDERS.find((provider) => provider === name)
      const settings = Object.hasOwn(options.servers, name) ? options.servers[name] : speaks && { speaks }
      if (!settings) throw unknown(`The model "${model}" goes to "${name}", and no such server is set.`)
      const server = { ...settings, name }
      const key = PROVIDER_ROWS[server.speaks].isKeyed ? await keyOf(server, options) : undefined
      // Loaded at its first call, so that other lanes do not load it.
      const { openProvider } = await PROVIDER_MODULES[server.speaks]()
      return openProvider({ ...server, key }, options.clock)
    },
  }
}

const unknown = (message: string) => new ProviderError('provider_not_configured', message, 'never', 'none')

/** A self-hosted server may need no key. */
async function keyOf(
  { name, baseUrl, isKeyless }: Server,
  { readKey, secrets }: ProviderOptions,
): Promise<string | undefined> {
  if (isKeyless) return undefined
  const key = (await readKey(name))?.trim()
  secrets.add(key)
  if (!key) {
    if (baseUrl) return undefined
    throw notConfigured(name, keyParameterOf(name))
  }
  const foreign = /[^\x21-\x7e]/.exec(key)
  if (foreign)
    throw new ProviderError(
      'provider_unauthorized',
      `The key "${keyParameterOf(name)}" has a character that no key has, an invisible one perhaps, at place ${foreign.index + 1}. Store it again.`,
      'never',
      name,
    )
  return key
}

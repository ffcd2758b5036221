import type { ServerSettings } from '../../../../contract/providers.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { ModelProvider } from '../../../ports/model-provider.ts'

/** Whom to call: a provider, or a further server that speaks its protocol. */
export interface ProviderServer extends ServerSettings {
  /** As usage, circuits and errors call it. */
  readonly name: string
  /** Left out where the provider has none, or the server wants none. */
  readonly key?: string | undefined
  /** Time between two looks at a call in the background. */
  readonly pollMs?: number | undefined
}

/** What `<name>/<name>-provider.ts` exports as `openProvider`. */
export type OpenProvider = (server: ProviderServer, clock: Clock) => ModelProvider

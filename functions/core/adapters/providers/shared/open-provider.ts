import type { ServerSettings } from '../../../../contract/providers.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { ModelProvider } from '../../../ports/model-provider.ts'

/** The server to call: a provider, or another model server with a provider's protocol. */
export interface ProviderServer extends ServerSettings {
  /** Name in usage, circuits and errors. */
  readonly name: string
  /** Left out for a server without keys. */
  readonly key?: string | undefined
  /** Interval between two reads of a background call. */
  readonly pollMs?: number | undefined
}

/** The function that `<name>/<name>-provider.ts` exports as `openProvider`. */
export type OpenProvider = (server: ProviderServer, clock: Clock) => ModelProvider

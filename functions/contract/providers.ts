/**
 * The providers of models. A provider is one row here and one folder in `functions/core/adapters/providers/`; the names of its
 * key and settings, the stage schema, permissions and the local run are derived from the row. Imports nothing.
 */

export interface ProviderRow {
  /** Called over HTTP, with a key and, for compatible servers, another address. */
  readonly isKeyed: boolean
  /** Its calls may request other price tiers than the standard one, where the price list has them. */
  readonly hasTiers?: boolean
  /** Its usual model names; a stage may route others to it. */
  readonly routes: readonly string[]
}

const ROWS = {
  simulated: { isKeyed: false, routes: ['simulated', 'simulated-*'] },
  openai: { isKeyed: true, hasTiers: true, routes: ['gpt-*', 'chatgpt-*', 'o*'] },
  // No longer sells its faster tier: https://platform.claude.com/docs/en/api/service-tiers
  anthropic: { isKeyed: true, routes: ['claude-*'] },
  bedrock: { isKeyed: false, routes: [] },
} as const satisfies Readonly<Record<string, ProviderRow>>

export type ProviderName = keyof typeof ROWS
export const PROVIDER_ROWS: Readonly<Record<ProviderName, ProviderRow>> = ROWS
export const PROVIDERS = Object.keys(ROWS) as [ProviderName, ...ProviderName[]]
export const KEYED_PROVIDERS = PROVIDERS.filter((name) => ROWS[name].isKeyed)

export const routesOf = (name: ProviderName, to: string = name): Readonly<Record<string, string>> =>
  Object.fromEntries(ROWS[name].routes.map((model) => [model, to]))

/** Name of a key's parameter, after the stage's prefix, for a provider or a model server. */
export const keyParameterOf = (server: string): string => `${server}-api-key`
const variable = (server: string, what: string) => `${server.toUpperCase().replaceAll('-', '_')}_${what}`
/** Names of the variables in `.env`. */
export const keyVariableOf = (server: string): string => variable(server, 'API_KEY')
export const baseUrlVariableOf = (server: string): string => variable(server, 'BASE_URL')
export const modelsVariableOf = (server: string): string => variable(server, 'MODELS')

/** Models of OpenAI whose calls run in the background. */
export const BACKGROUND_VARIABLE = 'OPENAI_BACKGROUND'

/** `true`: answers of providers are recorded with the tasks. */
export const RECORD_VARIABLE = 'RECORD_ANSWERS'

/** Variables in `.env` that configure providers and models. */
export const MODEL_VARIABLES: readonly string[] = [
  ...KEYED_PROVIDERS.flatMap((name) => [
    keyVariableOf(name),
    baseUrlVariableOf(name),
    modelsVariableOf(name),
  ]),
  'MODEL_SERVERS',
  BACKGROUND_VARIABLE,
  RECORD_VARIABLE,
  'BEDROCK_MODELS',
  'DEFAULT_MODEL',
]

/** Settings of a server for workers: a keyed provider at another address, or another model server. */
export interface ServerSettings {
  /** The provider whose protocol it uses. */
  readonly speaks: ProviderName
  readonly baseUrl?: string | undefined
  /** The server needs no key. */
  readonly isKeyless?: boolean | undefined
  /** The known part of its dialect of OpenAI's protocol; the rest is learned from its first refusal. */
  readonly dialect?: Readonly<Record<string, unknown>> | undefined
  /** Models, or prefixes ending in `*`, whose calls it runs in the background (OpenAI's Responses API). */
  readonly background?: readonly string[] | undefined
  /** Its answers are recorded with the tasks, for `npm run rehearse`. */
  readonly isRecorded?: boolean | undefined
}

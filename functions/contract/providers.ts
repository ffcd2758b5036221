/**
 * Who answers model calls. A provider is one row here and one folder below `functions/core/adapters/providers/`; names
 * of its key and settings, stage schema, rights and the local run follow from the row. Imports nothing.
 */

export interface ProviderRow {
  /** It is reached over HTTP, with a key and, for compatible servers, an address of its own. */
  readonly isKeyed: boolean
  /** Its calls may ask for another price tier than the standard one, where the price list has it of the model. */
  readonly hasTiers?: boolean
  /** The model names it is known for; a stage may route others to it. */
  readonly routes: readonly string[]
}

const ROWS = {
  simulated: { isKeyed: false, routes: ['simulated', 'simulated-*'] },
  openai: { isKeyed: true, hasTiers: true, routes: ['gpt-*', 'chatgpt-*', 'o*'] },
  // Sells its faster tier no more: https://platform.claude.com/docs/en/api/service-tiers
  anthropic: { isKeyed: true, routes: ['claude-*'] },
  bedrock: { isKeyed: false, routes: [] },
} as const satisfies Readonly<Record<string, ProviderRow>>

export type ProviderName = keyof typeof ROWS
export const PROVIDER_ROWS: Readonly<Record<ProviderName, ProviderRow>> = ROWS
export const PROVIDERS = Object.keys(ROWS) as [ProviderName, ...ProviderName[]]
/** Providers with a key and an address. */
export const KEYED_PROVIDERS = PROVIDERS.filter((name) => ROWS[name].isKeyed)

/** The usual routes of a provider. */
export const routesOf = (name: ProviderName, to: string = name): Readonly<Record<string, string>> =>
  Object.fromEntries(ROWS[name].routes.map((model) => [model, to]))

/** Name of a key below the stage's parameter prefix, for a provider or a further server. */
export const keyParameterOf = (server: string): string => `${server}-api-key`
const variable = (server: string, what: string) => `${server.toUpperCase().replaceAll('-', '_')}_${what}`
/** Its names in `.env`. */
export const keyVariableOf = (server: string): string => variable(server, 'API_KEY')
export const baseUrlVariableOf = (server: string): string => variable(server, 'BASE_URL')
export const modelsVariableOf = (server: string): string => variable(server, 'MODELS')

/** Models of OpenAI whose calls run in the background. */
export const BACKGROUND_VARIABLE = 'OPENAI_BACKGROUND'

/** `true`: answers of providers are recorded beside the tasks. */
export const RECORD_VARIABLE = 'RECORD_ANSWERS'

/** Names of `.env` that say who answers for which model. */
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

/** What a worker is told of a server: a keyed provider at an address of its own, or a further server. */
export interface ServerSettings {
  /** Whose protocol it speaks. */
  readonly speaks: ProviderName
  readonly baseUrl?: string | undefined
  /** It wants no key. */
  readonly isKeyless?: boolean | undefined
  /** What is known of its dialect, for OpenAI's protocol; the rest is learned from its first refusal. */
  readonly dialect?: Readonly<Record<string, unknown>> | undefined
  /** Models, or prefixes ending in `*`, whose calls it runs in the background (OpenAI's responses). */
  readonly background?: readonly string[] | undefined
  /** Its answers are recorded beside the tasks, for `npm run rehearse`. */
  readonly isRecorded?: boolean | undefined
}

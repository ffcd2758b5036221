import {
  BACKGROUND_VARIABLE,
  baseUrlVariableOf,
  KEYED_PROVIDERS,
  keyVariableOf,
  modelsVariableOf,
  PROVIDERS,
  type ProviderName,
  RECORD_VARIABLE,
  routesOf,
} from '../../functions/contract/providers.ts'
import { DEFAULT_MODEL, lane, lanesOf, simulatedRoutes } from './deployed-defaults.ts'
import type { Environment, StageInput } from './stage-schema.ts'

/** Most environments of a function without a queue: with two cores, more would not be faster. */
export const ENVIRONMENT_LIMIT = 4

const localLane = (maxConcurrency: number, hasModels = false) =>
  lane({
    maxConcurrency,
    hasModels,
    // A limit, not a cost: ten concurrent answers of 15 MB need 450 MB while they are converted to a result.
    memoryMb: hasModels ? 1_024 : 256,
  })

/**
 * One laptop, reachable only from itself, without account and keys: a provider without a key is replaced by `simulated` under
 * the same model names, so that the first request works.
 */
export function local(environment: Environment): StageInput {
  const baseUrls = Object.fromEntries(
    KEYED_PROVIDERS.flatMap((name) => {
      const url = text(environment[baseUrlVariableOf(name)])
      return url === undefined ? [] : [[name, url]]
    }),
  )
  const servers = serversOf(environment)
  // Checks keys at the start instead of in the workers. A value that is no list is reported by the schema.
  if (Array.isArray(servers)) for (const server of servers) if (server?.name) keyOf(environment, server.name)
  const has = (name: ProviderName) => keyOf(environment, name) !== undefined || name in baseUrls
  return {
    name: 'local',
    isOpen: true,
    lanes: {
      ...lanesOf(({ hasModels }) => localLane(2, hasModels)),
      ai: localLane(10, true),
      urgent: localLane(5, true),
    },
    models: {
      providers: [...PROVIDERS],
      routes: Object.assign(
        {},
        ...KEYED_PROVIDERS.map((name) => route(names(environment[modelsVariableOf(name)]), name)),
        simulatedRoutes,
        ...KEYED_PROVIDERS.map((name) => routesOf(name, has(name) ? name : 'simulated')),
      ),
      defaultModel: text(environment.DEFAULT_MODEL) ?? DEFAULT_MODEL,
      bedrockModels: names(environment.BEDROCK_MODELS),
      baseUrls,
      background: names(environment[BACKGROUND_VARIABLE]),
      isRecorded: text(environment[RECORD_VARIABLE]) === 'true',
      servers,
      limits:
        jsonOf(
          environment.PROVIDER_LIMITS,
          'PROVIDER_LIMITS',
          '{"openai:gpt-4o*": {"requestsPerMinute": 500, "tokensPerMinute": 30000}}',
        ) ?? {},
      proxy: proxyOf(environment),
    },
    schedules:
      jsonOf(
        environment.SCHEDULES,
        'SCHEDULES',
        '{"nightly": {"cron": "0 2 * * *", "task": {"type": "example.add", "input": {"x": 1, "y": 2}}}}',
      ) ?? {},
    tenantLimits: jsonOf(environment.TENANT_LIMITS, 'TENANT_LIMITS', '{"openTasks": 10}') ?? {},
    // The local bucket encrypts nothing; a tenant's key only changes where its payloads are stored.
    tenantKmsArns:
      jsonOf(
        environment.TENANT_KMS_ARNS,
        'TENANT_KMS_ARNS',
        '{"acme": "arn:aws:kms:eu-central-1:111122223333:key/1"}',
      ) ?? {},
    // Mail is not sent anywhere; the console's outbox shows it.
    mail: { from: 'tasks@taskrunner.example' },
    retentionDays: 7,
    payloadExpiryDays: 40,
    logs: { retentionDays: 1, level: 'INFO' },
    protection: {
      isRetained: false,
      hasDeletionProtection: false,
      hasTerminationProtection: false,
      hasPointInTimeRecovery: false,
    },
    api: {
      requestsPerSecond: 1_000,
      burst: 2_000,
      memoryMb: 256,
      // Of four environments, so that two remain for other requests.
      waitPlaces: 2,
      watchPlaces: 20,
      setsAccountLogRole: false,
      hasCanary: false,
      docs: 'open',
      corsOrigins: ['http://localhost:*', 'http://127.0.0.1:*'],
      auth: authOf(environment),
      issuers: jsonOf(environment.TOKEN_ISSUERS, 'TOKEN_ISSUERS', ISSUER_EXAMPLE) ?? [],
    },
    sweeper: { everyMinutes: 1, timeoutSeconds: 55, memoryMb: 256, parts: 1 },
    timing: { scale: timingScale(environment) },
    cleanup: { hour: 2, timeZone: 'UTC' },
    hasObservability: true,
    observability: {
      tracing: 'off',
      hasAllAlarms: true,
      spendUsdPerHour: 10,
      runbookUrl: '/console/runbook',
      showsPrompts: true,
    },
  }
}

/** Share of the usual waits, also of the timers' intervals, which in a template cannot be below a minute. */
export const timingScale = (environment: Environment): number => Number(text(environment.TIMING_SCALE) ?? 1)

/** @throws Error for an unknown value, because a stage that the user believes to be closed must not be open. */
function authOf({ AUTH }: Environment): 'key' | 'keys' {
  const wanted = text(AUTH)
  if (wanted === undefined || wanted === 'open') return 'key'
  if (wanted === 'keys') return 'keys'
  throw new Error(`AUTH is "${wanted}". It may be "keys", which closes the API, or "open".`)
}

const ISSUER_EXAMPLE =
  '[{"name": "sso", "issuer": "http://localhost:8080", "audiences": ["taskrunner"], "tenantClaim": "tenant"}]'

/** An empty line in `.env` counts as absent. */
const text = (value: string | undefined): string | undefined => value?.trim() || undefined

const names = (list: string | undefined): string[] =>
  (list ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

/** @throws Error with the position of an invalid character; otherwise only the key's server would report the error. */
function keyOf(environment: Environment, name: string): string | undefined {
  const key = text(environment[keyVariableOf(name)])
  const foreign = /[^\x21-\x7e]/.exec(key ?? '')
  if (foreign)
    throw new Error(
      `${keyVariableOf(name)} has a character that no key has, an invisible one perhaps, at place ${foreign.index + 1}. Type it anew.`,
    )
  return key
}

/** @throws Error for invalid JSON; its content is validated by the stage's schema. */
function serversOf(environment: Environment): StageInput['models']['servers'] {
  const json = text(environment.MODEL_SERVERS)
  if (json === undefined) return []
  try {
    return JSON.parse(json)
  } catch {
    throw new Error(
      'MODEL_SERVERS is no JSON. It looks like [{"name": "ollama", "baseUrl": "http://localhost:11434/v1", "models": ["llama*"], "isKeyless": true}]',
    )
  }
}

/** @throws Error for invalid JSON; its content is validated by the stage's schema. */
function jsonOf<Value>(json: string | undefined, name: string, example: string): Value | undefined {
  const given = text(json)
  if (given === undefined) return undefined
  try {
    return JSON.parse(given)
  } catch {
    throw new Error(`${name} is no JSON. It looks like ${example}`)
  }
}

function proxyOf(environment: Environment): StageInput['models']['proxy'] {
  const read = (name: string) => text(environment[name]) ?? text(environment[name.toLowerCase()])
  const [https, http, noProxy] = [read('HTTPS_PROXY'), read('HTTP_PROXY'), read('NO_PROXY')]
  return { ...(https ? { https } : {}), ...(http ? { http } : {}), ...(noProxy ? { noProxy } : {}) }
}

const route = (models: readonly string[], provider: string): Record<string, string> =>
  Object.fromEntries(models.map((model) => [model, provider]))

import type { ProviderName } from '../../functions/contract.ts'
import { anthropicRoutes, DEFAULT_MODEL, lane, openaiRoutes, simulatedRoutes } from './deployed-defaults.ts'
import type { Environment, StageInput } from './stage-schema.ts'

/** Environments of a function that no queue limits: two cores answer no faster with more. */
export const ENVIRONMENT_LIMIT = 4

/** Nothing else consumes these queues, so a delivery is never throttled and 6 × the timeout would only slow repair. */
const localLane = (maxConcurrency: number, hasModels = false) =>
  lane({ maxConcurrency, hasModels, memoryMb: 256, visibilitySeconds: 330 })

/**
 * One laptop, loopback only, no account and no keys: a provider whose key is absent is played by `simulated`, under
 * the same model names, so that the first request works.
 */
export function local(environment: Environment): StageInput {
  const openaiBaseUrl = text(environment.OPENAI_BASE_URL)
  const anthropicBaseUrl = text(environment.ANTHROPIC_BASE_URL)
  const hasOpenai = text(environment.OPENAI_API_KEY) !== undefined || openaiBaseUrl !== undefined
  const hasAnthropic = text(environment.ANTHROPIC_API_KEY) !== undefined || anthropicBaseUrl !== undefined
  return {
    name: 'local',
    isOpen: true,
    lanes: {
      ai: localLane(10, true),
      documents: localLane(2, true),
      demo: localLane(2),
      email: localLane(2),
      urgent: localLane(5, true),
    },
    models: {
      providers: ['simulated', 'openai', 'anthropic', 'bedrock'],
      routes: {
        ...route(names(environment.OPENAI_MODELS), 'openai'),
        ...simulatedRoutes,
        ...route(Object.keys(openaiRoutes), hasOpenai ? 'openai' : 'simulated'),
        ...route(Object.keys(anthropicRoutes), hasAnthropic ? 'anthropic' : 'simulated'),
      },
      defaultModel: text(environment.DEFAULT_MODEL) ?? DEFAULT_MODEL,
      bedrockModels: names(environment.BEDROCK_MODELS),
      ...(openaiBaseUrl ? { openaiBaseUrl } : {}),
      ...(anthropicBaseUrl ? { anthropicBaseUrl } : {}),
    },
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
      setsAccountLogRole: false,
      hasCanary: false,
      docs: 'open',
      corsOrigins: ['http://localhost:*', 'http://127.0.0.1:*'],
    },
    sweeper: { everyMinutes: 1, timeoutSeconds: 55, memoryMb: 256 },
    timing: { scale: timingScale(environment) },
    cleanup: { hour: 2, timeZone: 'UTC' },
    hasObservability: true,
    observability: {
      tracing: 'off',
      isFull: true,
      spendUsdPerHour: 10,
      runbookUrl: '/console/runbook',
      showsPrompts: true,
    },
  }
}

/** Share of the usual waits, also of the timers' rates, which the template cannot have below a minute. */
export const timingScale = (environment: Environment): number => Number(text(environment.TIMING_SCALE) ?? 1)

/** An empty line in `.env` is the same as none. */
const text = (value: string | undefined): string | undefined => value?.trim() || undefined

const names = (list: string | undefined): string[] =>
  (list ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

const route = (models: readonly string[], provider: ProviderName): Record<string, ProviderName> =>
  Object.fromEntries(models.map((model) => [model, provider]))

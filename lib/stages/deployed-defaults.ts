import {
  KEYED_PROVIDERS,
  PROVIDERS,
  type ProviderName,
  routesOf,
} from '../../functions/contract/providers.ts'
import { LANES, type Lane } from '../../functions/contract.ts'
import type { LaneSettings, StageInput } from './stage-schema.ts'

/**
 * A lane on AWS. An invocation may run for 15 minutes, because it keeps filling its free slots. The queue's visibility timeout is
 * slightly longer, as Lambda requires, not the six times that AWS recommends: a delivery that Lambda throttled would be invisible
 * for an hour and a half. A shorter one causes at most a duplicate, which the row refuses; the worker sets it to 90 s at once.
 */
export const lane = (settings: Partial<LaneSettings> = {}): LaneSettings => ({
  batchSize: 10,
  batchingWindowSeconds: 0,
  maxConcurrency: 5,
  memoryMb: 512,
  timeoutSeconds: 900,
  // Each wait at an open circuit is a receive: up to six of one message, then the sweeper takes over. With four, every waiting task
  // would reach the dead-letter queue during an outage (test/faults/backlog.test.ts). The row's attempts end a crash loop.
  maxReceiveCount: 100,
  visibilitySeconds: 960,
  hasModels: false,
  ...settings,
})

/** Batches of ten that wait for models concurrently: 20 invocations make up to 200 concurrent calls. */
export const deployedLanes: Record<Lane, LaneSettings> = {
  ai: lane({ maxConcurrency: 20, hasModels: true }),
  // One file at a time is read while ten tasks wait: a picture of 24 megapixels needs at most 650 MB.
  documents: lane({ maxConcurrency: 10, hasModels: true, memoryMb: 1_024 }),
  demo: lane({ maxConcurrency: 2 }),
  email: lane(),
  urgent: lane({ maxConcurrency: 20, hasModels: true }),
}

/** All lanes of a stage on one machine, each derived from its deployed settings. */
export const lanesOf = (make: (deployed: LaneSettings) => LaneSettings): Record<Lane, LaneSettings> =>
  Object.fromEntries(LANES.map((name) => [name, make(deployedLanes[name])])) as Record<Lane, LaneSettings>

export const simulatedRoutes = routesOf('simulated')
/** Routes of the models of all providers with a key, each to its provider, or all to another provider. */
export const keyedRoutes = (to?: ProviderName): Readonly<Record<string, string>> =>
  Object.assign({}, ...KEYED_PROVIDERS.map((name) => routesOf(name, to ?? name)))

export const DEFAULT_MODEL = 'gpt-3.5-turbo'

/** Every provider of real models, with its usual models. */
export const deployedModels = {
  providers: PROVIDERS.filter((name) => name !== 'simulated'),
  routes: keyedRoutes(),
  defaultModel: DEFAULT_MODEL,
  bedrockModels: ['{region}.amazon.nova-micro-v1:0', '{region}.amazon.nova-lite-v1:0'],
} satisfies StageInput['models']

/** Path of the runbook; a stage may set the URL where its operators read it. */
export const RUNBOOK = 'lib/observability/RUNBOOK.md'

import {
  KEYED_PROVIDERS,
  PROVIDERS,
  type ProviderName,
  routesOf,
} from '../../functions/contract/providers.ts'
import { LANES, type Lane } from '../../functions/contract.ts'
import type { LaneSettings, StageInput } from './stage-schema.ts'

/**
 * A lane on AWS. An invocation may live 15 minutes, because it goes on filling its free slots. The queue's visibility is
 * just above that, as Lambda demands, not the 6 × that AWS advises: a delivery that Lambda throttled would be hidden for an
 * hour and a half. Shorter costs a duplicate at most, which the row refuses; the worker shrinks it to 90 s at first sight.
 */
export const lane = (settings: Partial<LaneSettings> = {}): LaneSettings => ({
  batchSize: 10,
  batchingWindowSeconds: 0,
  maxConcurrency: 5,
  memoryMb: 512,
  timeoutSeconds: 900,
  // A wait at an open circuit is a receive, up to six of one message before the sweeper carries the wait. Four would move every
  // waiting task to the dead-letter queue in an outage (test/faults/backlog.test.ts). The row's attempts end a crash loop.
  maxReceiveCount: 100,
  visibilitySeconds: 960,
  hasModels: false,
  ...settings,
})

/** Batches of ten waiting on models side by side: 20 invocations are up to 200 calls at once. */
export const deployedLanes: Record<Lane, LaneSettings> = {
  ai: lane({ maxConcurrency: 20, hasModels: true }),
  // One file at a time is read beside ten tasks that wait: a picture of 24 megapixels takes 650 MB at most.
  documents: lane({ maxConcurrency: 10, hasModels: true, memoryMb: 1_024 }),
  demo: lane({ maxConcurrency: 2 }),
  email: lane(),
  urgent: lane({ maxConcurrency: 20, hasModels: true }),
}

/** All lanes of a stage on one machine, each made of what it is when deployed. */
export const lanesOf = (make: (deployed: LaneSettings) => LaneSettings): Record<Lane, LaneSettings> =>
  Object.fromEntries(LANES.map((name) => [name, make(deployedLanes[name])])) as Record<Lane, LaneSettings>

export const simulatedRoutes = routesOf('simulated')
/** Models of the providers with a key, each to its provider, or all to one that plays them. */
export const keyedRoutes = (to?: ProviderName): Readonly<Record<string, string>> =>
  Object.assign({}, ...KEYED_PROVIDERS.map((name) => routesOf(name, to ?? name)))

export const DEFAULT_MODEL = 'gpt-3.5-turbo'

/** Every provider that asks a model, for the models it is known for. */
export const deployedModels = {
  providers: PROVIDERS.filter((name) => name !== 'simulated'),
  routes: keyedRoutes(),
  defaultModel: DEFAULT_MODEL,
  bedrockModels: ['{region}.amazon.nova-micro-v1:0', '{region}.amazon.nova-lite-v1:0'],
} satisfies StageInput['models']

/** The page of the runbook; a stage may name where its people read it instead. */
export const RUNBOOK = 'lib/observability/RUNBOOK.md'

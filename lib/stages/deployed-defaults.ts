import { routesOf } from '../../functions/contract/providers.ts'
import type { Lane } from '../../functions/contract.ts'
import type { LaneSettings } from './stage-schema.ts'

/**
 * A lane on AWS. The queue's visibility is 6 × the function's timeout, as AWS asks, so that throttled deliveries do
 * not return early; the worker shrinks it to 90 s at first sight, so that a crash is not waited out for half an hour.
 */
export const lane = (settings: Partial<LaneSettings> = {}): LaneSettings => ({
  batchSize: 10,
  batchingWindowSeconds: 0,
  maxConcurrency: 5,
  memoryMb: 512,
  timeoutSeconds: 300,
  // A wait at an open circuit is a receive, up to six of one message before the sweeper carries the wait. Four would move every
  // waiting task to the dead-letter queue in an outage (test/faults/backlog.test.ts). The row's attempts end a crash loop.
  maxReceiveCount: 100,
  visibilitySeconds: 1_800,
  hasModels: false,
  ...settings,
})

/** Batches of ten waiting on models side by side: 20 invocations are up to 200 calls at once. */
export const deployedLanes: Record<Lane, LaneSettings> = {
  ai: lane({ maxConcurrency: 20, hasModels: true }),
  documents: lane({ maxConcurrency: 10, hasModels: true }),
  demo: lane({ maxConcurrency: 2 }),
  email: lane(),
  urgent: lane({ maxConcurrency: 20, hasModels: true }),
}

export const openaiRoutes = routesOf('openai')
export const anthropicRoutes = routesOf('anthropic')
export const simulatedRoutes = routesOf('simulated')

export const DEFAULT_MODEL = 'gpt-3.5-turbo'

/** The page of the runbook; a stage may name where its people read it instead. */
export const RUNBOOK = 'lib/observability/RUNBOOK.md'

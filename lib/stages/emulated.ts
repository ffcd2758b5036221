import { keyedRoutes, lane, lanesOf, RUNBOOK, simulatedRoutes } from './deployed-defaults.ts'
import type { LaneSettings, StageInput } from './stage-schema.ts'

/**
 * An emulator of AWS on one machine: deployed like `dev`, closed by keys of the gateway, but nothing leaves the machine.
 * Every model name is served by `simulated`. An environment there is a process of at least 70 MB, so concurrency is low;
 * the visibility timeout is short, because the sweeper's tests wait for it.
 */
const emulatedLane = ({ hasModels }: LaneSettings) =>
  lane({ maxConcurrency: 3, memoryMb: 256, timeoutSeconds: 300, visibilitySeconds: 330, hasModels })

export const emulated: StageInput = {
  name: 'emulated',
  isOpen: false,
  lanes: lanesOf(emulatedLane),
  models: {
    providers: ['simulated'],
    routes: { ...simulatedRoutes, ...keyedRoutes('simulated') },
    defaultModel: 'simulated',
    bedrockModels: [],
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
    waitPlaces: 2,
    watchPlaces: 10,
    setsAccountLogRole: true,
    hasCanary: false,
    docs: 'open',
    // LocalStack's free edition does not call authorizers. MiniStack does, and its suite deploys with `keys`.
    auth: 'key',
    corsOrigins: [],
  },
  sweeper: { everyMinutes: 1, timeoutSeconds: 55, memoryMb: 256, parts: 2 },
  timing: { scale: 1 },
  cleanup: { hour: 2, timeZone: 'UTC' },
  hasObservability: true,
  observability: {
    tracing: 'off',
    hasAllAlarms: false,
    spendUsdPerHour: 10,
    runbookUrl: RUNBOOK,
    showsPrompts: true,
  },
}

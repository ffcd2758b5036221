import { deployedLanes, deployedModels, RUNBOOK, simulatedRoutes } from './deployed-defaults.ts'
import type { StageInput } from './stage-schema.ts'

/** A deployed stage for development: small and cheap; destroying it leaves nothing behind. */
export const dev: StageInput = {
  name: 'dev',
  isOpen: false,
  lanes: deployedLanes,
  models: {
    ...deployedModels,
    providers: ['simulated', ...deployedModels.providers],
    routes: { ...simulatedRoutes, ...deployedModels.routes },
  },
  retentionDays: 7,
  payloadExpiryDays: 40,
  logs: { retentionDays: 7, level: 'DEBUG' },
  protection: {
    isRetained: false,
    hasDeletionProtection: false,
    hasTerminationProtection: false,
    hasPointInTimeRecovery: false,
  },
  api: {
    requestsPerSecond: 50,
    burst: 100,
    memoryMb: 512,
    waitPlaces: 20,
    watchPlaces: 20,
    setsAccountLogRole: true,
    hasCanary: false,
    docs: 'open',
    corsOrigins: [],
  },
  sweeper: { everyMinutes: 1, timeoutSeconds: 55, memoryMb: 256, parts: 1 },
  timing: { scale: 1 },
  cleanup: { hour: 2, timeZone: 'UTC' },
  hasObservability: true,
  observability: {
    tracing: 'off',
    hasAllAlarms: true,
    spendUsdPerHour: 5,
    runbookUrl: RUNBOOK,
    showsPrompts: true,
  },
}

import { deployedLanes, deployedModels, RUNBOOK } from './deployed-defaults.ts'
import type { StageInput } from './stage-schema.ts'

/** Behaves like production; data is kept only long enough to investigate a failed release. */
export const staging: StageInput = {
  name: 'staging',
  isOpen: false,
  lanes: deployedLanes,
  models: deployedModels,
  retentionDays: 14,
  payloadExpiryDays: 50,
  logs: { retentionDays: 30, level: 'INFO' },
  protection: {
    isRetained: false,
    hasDeletionProtection: false,
    hasTerminationProtection: true,
    hasPointInTimeRecovery: true,
  },
  api: {
    requestsPerSecond: 200,
    burst: 400,
    memoryMb: 512,
    waitPlaces: 50,
    watchPlaces: 50,
    setsAccountLogRole: true,
    hasCanary: true,
    docs: 'key',
    corsOrigins: [],
  },
  sweeper: { everyMinutes: 1, timeoutSeconds: 55, memoryMb: 1_024, parts: 4 },
  timing: { scale: 1 },
  cleanup: { hour: 2, timeZone: 'UTC' },
  hasObservability: true,
  observability: {
    tracing: 'off',
    hasAllAlarms: true,
    spendUsdPerHour: 10,
    runbookUrl: RUNBOOK,
    showsPrompts: false,
  },
}

import { deployedLanes, deployedModels, RUNBOOK } from './deployed-defaults.ts'
import type { StageInput } from './stage-schema.ts'

/** Production: resources with data are kept when a stack is deleted, and cannot be deleted by one command. */
export const prod: StageInput = {
  name: 'prod',
  isOpen: false,
  lanes: deployedLanes,
  models: deployedModels,
  retentionDays: 30,
  payloadExpiryDays: 65,
  logs: { retentionDays: 90, level: 'INFO' },
  protection: {
    isRetained: true,
    hasDeletionProtection: true,
    hasTerminationProtection: true,
    hasPointInTimeRecovery: true,
  },
  api: {
    requestsPerSecond: 500,
    burst: 1_000,
    memoryMb: 512,
    waitPlaces: 100,
    watchPlaces: 100,
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
    spendUsdPerHour: 50,
    runbookUrl: RUNBOOK,
    showsPrompts: false,
  },
}

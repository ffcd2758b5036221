import { dev } from './dev.ts'
import type { PreviewName, StageInput } from './stage-schema.ts'

/**
 * Stage `dev` once more, for one branch: its own names, the shortest retention, gone without a trace when destroyed.
 *
 * It uses dev's model keys, so that it answers from the first minute, and leaves the account's log role to dev: two
 * stages that both set it would each undo the other's.
 */
export const preview = (name: PreviewName): StageInput => ({
  ...dev,
  name,
  models: { ...dev.models, keysOfStage: 'dev' },
  retentionDays: 1,
  payloadExpiryDays: 32,
  logs: { ...dev.logs, retentionDays: 1 },
  api: { ...dev.api, setsAccountLogRole: false },
})

import { dev } from './dev.ts'
import type { PreviewName, StageInput } from './stage-schema.ts'

/**
 * A copy of stage `dev` for one branch: with its own names and the shortest retention; destroying it leaves nothing behind.
 *
 * It uses dev's model keys, so that it works at once, and does not set the account's log role: two stages that both set it
 * would each undo the other's.
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

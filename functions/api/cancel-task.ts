import { ENV } from '../contract.ts'
import { cancelTask } from '../core/application/tasks/cancel-task.ts'
import { clock, type Door, log, openStore, readConfig } from '../hosts/lambda.ts'
import { toTaskJson } from './schemas/task-json.ts'

const dependencies = {
  store: openStore(),
  clock,
  log,
  retentionDays: readConfig([ENV.retentionDays]).RETENTION_DAYS,
}

/** POST /tasks/{id}/cancel — from here on no result lands. */
export const cancelTaskDoor: Door = async ({ tenant, parameters }) => {
  const task = await cancelTask(dependencies, { tenant, id: parameters.id ?? '' })
  return { status: 200, body: await toTaskJson(task) }
}

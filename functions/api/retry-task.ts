import { retryTask } from '../core/application/tasks/retry-task.ts'
import { clock, type Door, log, openQueue, openStore } from '../hosts/lambda.ts'
import { toTaskJson } from './schemas/task-json.ts'

const dependencies = { store: openStore(), queue: openQueue(false), clock, log }

/** POST /tasks/{id}/retry — the next epoch of a task that failed, was cancelled or expired. */
export const retryTaskDoor: Door = async ({ tenant, parameters }) => {
  const task = await retryTask(dependencies, { tenant, id: parameters.id ?? '' })
  return { status: 200, body: await toTaskJson(task) }
}

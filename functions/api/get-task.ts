import { getTask } from '../core/application/tasks/get-task.ts'
import { type Door, openPayloads, openStore } from '../hosts/lambda.ts'
import { toTaskJson } from './schemas/task-json.ts'

const dependencies = { store: openStore() }
const payloads = openPayloads()

/** GET /tasks/{id} and the seeds' GET /tasks/status/{id} — the task as it is now; 304 when the caller has it already. */
export const getTaskDoor: Door = async ({ tenant, parameters, headers }) => {
  const task = await getTask(dependencies, { tenant, id: parameters.id ?? '' })
  const etag = `W/"${task.writeId}"`
  if (headers['if-none-match']?.split(',').some((tag) => tag.trim() === etag))
    return { status: 304, headers: { etag } }
  return { status: 200, headers: { etag }, body: await toTaskJson(task, (payload) => payloads.read(payload)) }
}

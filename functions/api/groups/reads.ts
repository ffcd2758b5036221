/** The doors that may only read the table and the payload bucket. */
import { httpHandler } from '../../hosts/lambda.ts'
import { getInputDoor, getResultDoor } from '../get-payload.ts'
import { getTaskDoor } from '../get-task.ts'
import { listTasksDoor } from '../list-tasks.ts'

export const handler = httpHandler({
  'GET /tasks': listTasksDoor,
  'GET /tasks/{id}': getTaskDoor,
  'GET /tasks/status/{id}': getTaskDoor,
  'GET /tasks/{id}/input': getInputDoor,
  'GET /tasks/{id}/result': getResultDoor,
})

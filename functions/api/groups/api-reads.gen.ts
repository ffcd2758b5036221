// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import { httpHandler } from '../../hosts/lambda.ts'
import { getTaskInputRoute } from '../routes/tasks/get-task-input.ts'
import { getTaskResultRoute } from '../routes/tasks/get-task-result.ts'
import { getTaskStatusRoute } from '../routes/tasks/get-task-status.ts'
import { getTaskRoute } from '../routes/tasks/get-task.ts'
import { listTasksRoute } from '../routes/tasks/list-tasks.ts'
import { getUploadRoute } from '../routes/uploads/get-upload.ts'

export const handler = httpHandler([
  getTaskInputRoute,
  getTaskResultRoute,
  getTaskStatusRoute,
  getTaskRoute,
  listTasksRoute,
  getUploadRoute,
])

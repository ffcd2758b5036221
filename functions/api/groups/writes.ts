/** The doors that may write the table and send to the lanes' queues. */
import { httpHandler } from '../../hosts/lambda.ts'
import { cancelTaskDoor } from '../cancel-task.ts'
import { retryTaskDoor } from '../retry-task.ts'
import { submitAddDoor } from '../submit-add.ts'
import { submitExampleDoor } from '../submit-example.ts'
import { submitTaskDoor } from '../submit-task.ts'

export const handler = httpHandler({
  'POST /tasks': submitTaskDoor,
  'POST /tasks/example': submitExampleDoor,
  'POST /tasks/add': submitAddDoor,
  'POST /tasks/{id}/cancel': cancelTaskDoor,
  'POST /tasks/{id}/retry': retryTaskDoor,
})

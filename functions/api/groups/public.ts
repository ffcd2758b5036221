/** The doors that touch nothing of AWS, and whatever no other door answers. */
import { httpHandler } from '../../hosts/lambda.ts'
import { answerOtherwiseDoor } from '../answer-otherwise.ts'
import { docsDoor } from '../docs.ts'
import { healthDoor } from '../health.ts'
import { listTaskTypesDoor } from '../list-task-types.ts'
import { openApiDoor } from '../openapi.ts'

export const handler = httpHandler(
  {
    'GET /task-types': listTaskTypesDoor,
    'GET /health': healthDoor,
    'GET /openapi.json': openApiDoor,
    'GET /docs': docsDoor,
    'GET /docs/{file}': docsDoor,
  },
  answerOtherwiseDoor,
)

/** The doors of whoever operates a stage: they see queues, bring failed tasks back and turn lanes off and on. */
import { httpHandler } from '../../hosts/lambda.ts'
import { explainTaskDoor } from '../explain-task.ts'
import { listQueuesDoor } from '../list-queues.ts'
import { redriveLaneDoor } from '../redrive-lane.ts'
import { showStatsDoor, showUsageDoor } from '../survey.ts'
import { pauseLaneDoor, resumeLaneDoor } from '../switch-lane.ts'

export const handler = httpHandler({
  'GET /tasks/{id}/explain': explainTaskDoor,
  'GET /queues': listQueuesDoor,
  'POST /queues/{lane}/redrive': redriveLaneDoor,
  'POST /queues/{lane}/pause': pauseLaneDoor,
  'POST /queues/{lane}/resume': resumeLaneDoor,
  'GET /stats': showStatsDoor,
  'GET /usage': showUsageDoor,
})

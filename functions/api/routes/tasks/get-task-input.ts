import { defineRoute } from '../../define-route.ts'
import { givePayload, openParts, PAYLOAD_ANSWERS } from '../../give-payload.ts'
import { taskParams } from '../../schemas/task.ts'

export const getTaskInputRoute = defineRoute({
  method: 'GET',
  path: '/tasks/{id}/input',
  function: 'api-reads',
  scope: 'tasks:read',
  summary: 'Get the input alone, whatever its size',
  params: taskParams,
  answers: PAYLOAD_ANSWERS,
  problems: [404],
  needs: openParts,
  handle: ({ tenant, params: { id } }, needs) => givePayload(needs, { tenant, id }, 'input'),
})

import { answerWithPayload, openPayloadNeeds, PAYLOAD_ANSWERS } from '../../answer-with-payload.ts'
import { defineRoute } from '../../define-route.ts'
import { taskParams } from '../../schemas/task.ts'

export const getTaskInputRoute = defineRoute({
  method: 'GET',
  path: '/tasks/{id}/input',
  function: 'api-reads',
  scope: 'tasks:read',
  summary: 'Get only the input, whatever its size',
  params: taskParams,
  answers: PAYLOAD_ANSWERS,
  problems: [404],
  needs: openPayloadNeeds,
  handle: ({ tenant, params: { id } }, needs) => answerWithPayload(needs, { tenant, id }, 'input'),
})

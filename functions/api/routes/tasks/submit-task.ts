import { defineRoute } from '../../define-route.ts'
import { readSubmitBody, submitBody } from '../../schemas/submit.ts'
import { ACCEPTED, accept, openAcceptance, submitHeaders } from '../../submission.ts'

export const submitTaskRoute = defineRoute({
  method: 'POST',
  path: '/tasks',
  function: 'api-writes',
  scope: 'tasks:write',
  skipsAudit: true,
  skipsRequestCount: true,
  summary: 'Submit a task',
  description: 'Answers at once; the work runs behind a queue.',
  headers: submitHeaders,
  body: { schema: submitBody, parse: readSubmitBody },
  answers: ACCEPTED,
  problems: [402],
  needs: openAcceptance,
  handle: (request, needs) => accept(needs, request, request.body),
})

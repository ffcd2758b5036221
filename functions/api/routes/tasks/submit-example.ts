import * as z from 'zod'
import { defineRoute } from '../../define-route.ts'
import { numberOrText } from '../../number-or-text.ts'
import { parseSubmitBody } from '../../schemas/submit.ts'
import { ACCEPTED, accept, openSubmission, submitHeaders } from '../../submission.ts'

export const submitExampleRoute = defineRoute({
  method: 'POST',
  path: '/tasks/example',
  function: 'api-writes',
  scope: 'tasks:write',
  summary: 'Submit the demo task',
  query: z.strictObject({ name: z.string().optional(), seconds: numberOrText.optional() }),
  headers: submitHeaders,
  answers: ACCEPTED,
  problems: [422],
  needs: openSubmission,
  handle: (request, needs) =>
    accept(needs, request, {
      ...parseSubmitBody({ type: 'example.run', input: request.query }),
      isSeedForm: true,
    }),
})

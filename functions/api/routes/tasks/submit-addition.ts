import * as z from 'zod'
import { defineRoute } from '../../define-route.ts'
import { numberOrText } from '../../number-or-text.ts'
import { parseSubmitBody } from '../../schemas/submit.ts'
import { ACCEPTED, accept, openSubmission, submitHeaders } from '../../submission.ts'

export const submitAdditionRoute = defineRoute({
  method: 'POST',
  path: '/tasks/add',
  function: 'api-writes',
  scope: 'tasks:write',
  summary: 'Submit an addition',
  description: 'Two numbers, given as JSON or in the query string.',
  query: z.strictObject({ x: numberOrText.optional(), y: numberOrText.optional() }),
  headers: submitHeaders,
  body: {
    schema: z.strictObject({ x: z.number().optional(), y: z.number().optional() }),
    parse: (json) => json,
    isOptional: true,
  },
  answers: ACCEPTED,
  problems: [422],
  needs: openSubmission,
  handle: (request, needs) => {
    const { body } = request
    const input =
      body !== null && typeof body === 'object' && !Array.isArray(body) ? { ...request.query, ...body } : body
    return accept(needs, request, { ...parseSubmitBody({ type: 'example.add', input }), isSeedForm: true })
  },
})

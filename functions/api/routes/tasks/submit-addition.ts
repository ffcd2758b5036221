import * as z from 'zod'
import { defineRoute } from '../../define-route.ts'
import { numberOrText } from '../../number-or-text.ts'
import { mergedInput } from '../../read-request.ts'
import { ACCEPTED, accept, openAcceptance, submitHeaders } from '../../submission.ts'

export const submitAdditionRoute = defineRoute({
  method: 'POST',
  path: '/tasks/add',
  function: 'api-writes',
  scope: 'tasks:write',
  skipsAudit: true,
  skipsRequestCount: true,
  summary: 'Submit an addition',
  description: 'Two numbers, in a JSON body or in the query string.',
  query: z.strictObject({ x: numberOrText.optional(), y: numberOrText.optional() }),
  headers: submitHeaders,
  body: {
    schema: z.strictObject({ x: z.number().optional(), y: z.number().optional() }),
    // Validated later by the task type's own schema.
    parse: (json) => json,
    isOptional: true,
  },
  answers: ACCEPTED,
  problems: [402],
  needs: openAcceptance,
  handle: (request, needs) =>
    accept(needs, request, { type: 'example.add', input: mergedInput(request), inputPath: '' }),
})

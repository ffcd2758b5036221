import * as z from 'zod'
import { defineRoute } from '../../define-route.ts'
import { numberOrText } from '../../number-or-text.ts'
import { mergedInput } from '../../read-request.ts'
import { ACCEPTED, accept, openAcceptance, submitHeaders } from '../../submission.ts'

export const submitExampleRoute = defineRoute({
  method: 'POST',
  path: '/tasks/example',
  function: 'api-writes',
  scope: 'tasks:write',
  skipsAudit: true,
  skipsRequestCount: true,
  summary: 'Submit the demo task',
  description: 'Its input is in the query string, or in a JSON body.',
  query: z.strictObject({ name: z.string().optional(), seconds: numberOrText.optional() }),
  headers: submitHeaders,
  body: {
    schema: z.strictObject({ name: z.string().optional(), seconds: z.number().optional() }),
    // Validated later by the task type's own schema.
    parse: (json) => json,
    isOptional: true,
  },
  answers: ACCEPTED,
  problems: [402],
  needs: openAcceptance,
  handle: (request, needs) =>
    accept(needs, request, { type: 'example.run', input: mergedInput(request), inputPath: '' }),
})

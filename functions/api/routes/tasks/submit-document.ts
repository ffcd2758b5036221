import documentProcess from '../../../tasks/document-process/task.ts'
import { defineRoute } from '../../define-route.ts'
import { ACCEPTED, accept, openAcceptance, submitHeaders } from '../../submission.ts'

export const submitDocumentRoute = defineRoute({
  method: 'POST',
  path: '/tasks/process-document',
  function: 'api-writes',
  scope: 'tasks:write',
  skipsAudit: true,
  skipsRequestCount: true,
  summary: 'Submit a document',
  description: 'Only the input of document.process, not a whole task.',
  headers: submitHeaders,
  body: {
    schema: () => documentProcess.input,
    // Validated later by the task type's own schema.
    parse: (json) => json,
  },
  answers: ACCEPTED,
  problems: [402],
  needs: openAcceptance,
  handle: (request, needs) =>
    accept(needs, request, { type: documentProcess.name, input: request.body, inputPath: '' }),
})

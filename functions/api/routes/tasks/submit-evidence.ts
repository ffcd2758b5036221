import evidenceAnalyze from '../../../tasks/evidence-analyze/task.ts'
import { defineRoute } from '../../define-route.ts'
import { ACCEPTED, accept, openAcceptance, submitHeaders } from '../../submission.ts'

export const submitEvidenceRoute = defineRoute({
  method: 'POST',
  path: '/tasks/analyze-evidence',
  function: 'api-writes',
  scope: 'tasks:write',
  skipsAudit: true,
  skipsRequestCount: true,
  summary: 'Submit statements and exhibits',
  description: 'Only the input of evidence.analyze, not a whole task.',
  headers: submitHeaders,
  body: {
    schema: () => evidenceAnalyze.input,
    // Validated later by the task type's own schema.
    parse: (json) => json,
  },
  answers: ACCEPTED,
  problems: [402],
  needs: openAcceptance,
  handle: (request, needs) =>
    accept(needs, request, { type: evidenceAnalyze.name, input: request.body, inputPath: '' }),
})

import { submitWorkflow } from '../../../core/application/workflow/submit-workflow.ts'
import type { WorkflowBody } from '../../../core/domain/workflow/compile.ts'
import { defineRoute } from '../../define-route.ts'
import { hashOf } from '../../schemas/submit.ts'
import { workflowBody, workflowSchema } from '../../schemas/workflow.ts'
import { readIdempotencyKey, replayHeader, submitHeaders } from '../../submission.ts'
import { openWorkflowNeeds, toAnswer } from '../../workflows.ts'

export const submitWorkflowRoute = defineRoute({
  method: 'POST',
  path: '/workflows',
  function: 'api-flows',
  scope: 'tasks:write',
  skipsAudit: true,
  summary: 'Start a workflow',
  description:
    'A chain, a group, a chord or named steps. Each step is an ordinary task; a reference is replaced by an earlier result.',
  headers: submitHeaders,
  body: {
    schema: workflowBody,
    examples: {
      chain: {
        summary: 'One after the other',
        value: {
          chain: [
            { type: 'example.add', input: { x: 1, y: 2 } },
            { type: 'example.add', input: { x: { $from: 'previous.result' }, y: 10 } },
          ],
        },
      },
      chord: {
        summary: 'Side by side, then one with all results',
        value: {
          chord: {
            group: [
              { type: 'text.generate', input: { prompt: 'A haiku on rain.' } },
              { type: 'text.generate', input: { prompt: 'A haiku on snow.' } },
            ],
            then: { type: 'text.generate', input: { prompt: { $from: 'previous.results.0' } } },
          },
        },
      },
    },
  },
  answers: {
    202: {
      description: 'Accepted.',
      schema: workflowSchema,
      headers: { Location: 'Path of the workflow.' },
    },
  },
  mcp: { tool: 'start_workflow' },
  needs: openWorkflowNeeds,
  handle: async ({ tenant, base, headers, body }, needs) => {
    const { name, tags, timeout_seconds, ...forms } = body
    const { workflow, isReplay } = await submitWorkflow(
      { ...needs, prepare: needs.prepareTask },
      {
        tenant,
        name,
        tags,
        body: forms as WorkflowBody,
        timeoutMs: timeout_seconds === undefined ? undefined : timeout_seconds * 1_000,
        idempotencyKey: readIdempotencyKey(headers['Idempotency-Key']),
        bodyHash: hashOf(body),
      },
    )
    const json = await toAnswer(needs, workflow, base)
    return {
      status: 202,
      headers: {
        location: json.links.self,
        'retry-after': '1',
        ...replayHeader(isReplay),
      },
      body: json,
    }
  },
})

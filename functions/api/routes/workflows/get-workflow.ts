import * as z from 'zod'
import { getWorkflow } from '../../../core/application/workflow/change-workflow.ts'
import { showWorkflow, toMermaid } from '../../../core/application/workflow/show-workflow.ts'
import { defineRoute } from '../../define-route.ts'
import { toWorkflowJson, workflowParams, workflowSchema } from '../../schemas/workflow.ts'
import { openWorkflowNeeds } from '../../workflows.ts'

export const getWorkflowRoute = defineRoute({
  method: 'GET',
  path: '/workflows/{id}',
  function: 'api-flows',
  scope: 'tasks:read',
  summary: 'Get a workflow',
  description: 'All steps with their states and counts; with format=mermaid a drawing of them as text.',
  params: workflowParams,
  query: z.strictObject({ format: z.enum(['json', 'mermaid']).default('json') }),
  answers: { 200: { description: 'The workflow.', schema: workflowSchema, textAs: 'text/plain' } },
  problems: [404],
  mcp: { tool: 'get_workflow' },
  needs: openWorkflowNeeds,
  handle: async ({ tenant, base, params: { id }, query }, needs) => {
    const shown = await showWorkflow(needs, await getWorkflow(needs, { tenant, id }))
    return query.format === 'mermaid'
      ? { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, text: toMermaid(shown) }
      : { status: 200, body: toWorkflowJson(shown, base) }
  },
})

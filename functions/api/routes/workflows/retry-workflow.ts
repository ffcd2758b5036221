import { retryWorkflow } from '../../../core/application/workflow/change-workflow.ts'
import { wakeWorkflow } from '../../../core/application/workflow/submit-workflow.ts'
import { defineRoute } from '../../define-route.ts'
import { workflowParams, workflowSchema } from '../../schemas/workflow.ts'
import { openWorkflowNeeds, toAnswer } from '../../workflows.ts'

export const retryWorkflowRoute = defineRoute({
  method: 'POST',
  path: '/workflows/{id}/retry',
  function: 'api-flows',
  scope: 'tasks:write',
  summary: 'Run a failed or cancelled workflow again',
  description: 'Continues from the steps that did not complete; completed steps are kept.',
  params: workflowParams,
  answers: { 200: { description: 'The workflow.', schema: workflowSchema } },
  problems: [404, 409],
  needs: openWorkflowNeeds,
  handle: async ({ tenant, base, params: { id } }, needs) => {
    const workflow = await retryWorkflow(needs, { tenant, id })
    await wakeWorkflow(needs, workflow)
    return { status: 200, body: await toAnswer(needs, workflow, base) }
  },
})

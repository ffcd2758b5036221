import { showWorkflow } from '../core/application/workflow/show-workflow.ts'
import type { Workflow } from '../core/domain/workflow/workflow.ts'
import { openWorkflowQueue, openWorkflows } from '../hosts/lambda.ts'
import { openOwnedLimit } from '../hosts/limits.ts'
import { toWorkflowJson } from './schemas/workflow.ts'
import { openSubmission, prepareBody } from './submission.ts'

export function openWorkflowNeeds() {
  const submission = openSubmission()
  const workflows = openWorkflows()
  return {
    ...submission,
    workflows,
    workflowLimit: openOwnedLimit(
      'workflows',
      async (key) => (await workflows.get(key))?.status === 'RUNNING',
    ),
    wakeQueue: openWorkflowQueue(),
    prepareTask: (tenant: string, body: unknown) => prepareBody(submission, tenant, body),
  }
}
export type WorkflowNeeds = ReturnType<typeof openWorkflowNeeds>

export const toAnswer = async (needs: WorkflowNeeds, workflow: Workflow, base: string) =>
  toWorkflowJson(await showWorkflow(needs, workflow), base)

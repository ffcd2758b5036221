import * as z from 'zod'
import { getWorkflow, signalWorkflow } from '../../../core/application/workflow/change-workflow.ts'
import { readPlan } from '../../../core/application/workflow/read-plan.ts'
import { wakeWorkflow } from '../../../core/application/workflow/submit-workflow.ts'
import { RequestError } from '../../../core/domain/errors.ts'
import { SIGNAL_INLINE_BYTES } from '../../../core/domain/workflow/workflow.ts'
import { defineRoute } from '../../define-route.ts'
import { workflowParams, workflowSchema } from '../../schemas/workflow.ts'
import { openWorkflowNeeds, toAnswer } from '../../workflows.ts'

export const signalWorkflowRoute = defineRoute({
  method: 'POST',
  path: '/workflows/{id}/signals/{name}',
  function: 'api-flows',
  scope: 'tasks:write',
  summary: 'End a wait of a workflow',
  description:
    'The body becomes the result of the waiting step. Only the first call counts, even if it is early.',
  params: workflowParams.extend({ name: z.string().describe('Name of the signal.') }),
  body: { schema: z.looseObject({}), isOptional: true },
  answers: { 200: { description: 'The workflow.', schema: workflowSchema } },
  problems: [404, 409],
  needs: openWorkflowNeeds,
  handle: async ({ tenant, base, params: { id, name }, body }, needs) => {
    const key = { tenant, id }
    const plan = await readPlan(needs.payloads, await getWorkflow(needs, key))
    if (!plan) throw new RequestError('not_found', 'The plan of this workflow has been deleted.')
    const payload = await needs.payloads.keep(
      key,
      `signal-${needs.ids.token()}`,
      JSON.stringify(body),
      SIGNAL_INLINE_BYTES,
    )
    const workflow = await signalWorkflow(needs, key, name, payload, plan)
    await wakeWorkflow(needs, workflow)
    return { status: 200, body: await toAnswer(needs, workflow, base) }
  },
})

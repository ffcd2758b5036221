import { ENV } from '../../../contract.ts'
import { cancelTask } from '../../../core/application/tasks/cancel-task.ts'
import { openFollowUpSteps } from '../../../hosts/follow-ups.ts'
import { clock, log, openStore, readConfig } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { taskParams, taskSchema } from '../../schemas/task.ts'
import { toTaskJson } from '../../schemas/task-json.ts'

export const cancelTaskRoute = defineRoute({
  method: 'POST',
  path: '/tasks/{id}/cancel',
  function: 'api-writes',
  scope: 'tasks:write',
  summary: 'Cancel an unfinished task',
  description: 'Once this call is answered, no result is stored. Cancelling a cancelled task again is fine.',
  params: taskParams,
  answers: { 200: { description: 'The cancelled task.', schema: taskSchema } },
  problems: [404, 409],
  mcp: { tool: 'cancel_task' },
  needs: () => ({
    followUps: openFollowUpSteps(),
    store: openStore(),
    clock,
    log,
    retentionDays: readConfig([ENV.retentionDays]).RETENTION_DAYS,
  }),
  handle: async ({ tenant, base, note, params: { id } }, needs) => ({
    status: 200,
    body: await toTaskJson(
      await cancelTask({ ...needs, note: ({ status }) => note({ before: status }) }, { tenant, id }),
      { base },
    ),
  }),
})

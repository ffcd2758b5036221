import * as z from 'zod'
import { retryTask } from '../../../core/application/tasks/retry-task.ts'
import type { Task } from '../../../core/domain/task.ts'
import { openFollowUpSteps } from '../../../hosts/follow-ups.ts'
import { clock, log, openSender, openStore } from '../../../hosts/lambda.ts'
import { openAdmission } from '../../../hosts/limits.ts'
import { defineRoute } from '../../define-route.ts'
import { taskParams, taskSchema } from '../../schemas/task.ts'
import { toTaskJson } from '../../schemas/task-json.ts'

export const retryTaskRoute = defineRoute({
  method: 'POST',
  path: '/tasks/{id}/retry',
  function: 'api-writes',
  scope: 'tasks:write',
  summary: 'Run a failed, cancelled or expired task again',
  description: 'The results of its finished steps are kept and not paid for again.',
  params: taskParams,
  body: {
    schema: z.strictObject({
      from_start: z.boolean().default(false).describe('Discard the finished steps and run everything again.'),
    }),
    isOptional: true,
  },
  answers: { 200: { description: 'The task in its next epoch.', schema: taskSchema } },
  problems: [402, 404, 409, 422],
  mcp: { tool: 'retry_task' },
  needs: () => ({
    followUps: openFollowUpSteps(),
    admission: openAdmission(),
    store: openStore(),
    queue: openSender(),
    clock,
    log,
  }),
  handle: async ({ tenant, base, note, params: { id }, body }, needs) => {
    const noting = { ...needs, note: ({ status }: Task) => note({ before: status }) }
    const task = await retryTask(noting, { tenant, id }, { isFromStart: body.from_start })
    return { status: 200, body: await toTaskJson(task, { base }) }
  },
})

import { runSchedule } from '../../../core/application/schedule/change-schedule.ts'
import { defineRoute } from '../../define-route.ts'
import { openScheduleNeeds } from '../../schedules.ts'
import { scheduleParams } from '../../schemas/schedule.ts'
import { toTaskJson } from '../../schemas/task-json.ts'
import { ACCEPTED, readIdempotencyKey, replayHeader, submitHeaders } from '../../submission.ts'

export const runScheduleRoute = defineRoute({
  method: 'POST',
  path: '/schedules/{id}/run',
  function: 'api-flows',
  scope: 'tasks:write',
  summary: 'Run the task of a schedule now',
  description: 'Its planned times do not change; {{scheduled_time}} is replaced by the time of the call.',
  params: scheduleParams,
  headers: submitHeaders.pick({ 'Idempotency-Key': true }),
  answers: ACCEPTED,
  problems: [404],
  needs: openScheduleNeeds,
  handle: async ({ tenant, base, params: { id }, headers }, needs) => {
    const key = readIdempotencyKey(headers['Idempotency-Key'])
    const { task, isReplay } = await runSchedule(needs, { tenant, id }, key)
    const json = await toTaskJson(task, { base })
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

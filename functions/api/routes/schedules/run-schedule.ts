import { runSchedule } from '../../../core/application/schedule/change-schedule.ts'
import { defineRoute } from '../../define-route.ts'
import { openScheduleNeeds } from '../../schedules.ts'
import { scheduleParams } from '../../schemas/schedule.ts'
import { toTaskJson } from '../../schemas/task-json.ts'
import { ACCEPTED } from '../../submission.ts'

export const runScheduleRoute = defineRoute({
  method: 'POST',
  path: '/schedules/{id}/run',
  function: 'api-flows',
  scope: 'tasks:write',
  summary: 'Run the task of a schedule now',
  description: 'The planned times stay as they are.',
  params: scheduleParams,
  answers: ACCEPTED,
  problems: [404],
  needs: openScheduleNeeds,
  handle: async ({ tenant, base, params: { id } }, needs) => {
    const json = await toTaskJson(await runSchedule(needs, { tenant, id }), { base })
    return { status: 202, headers: { location: json.links.self, 'retry-after': '1' }, body: json }
  },
})

import { resumeSchedule } from '../../../core/application/schedule/change-schedule.ts'
import { defineRoute } from '../../define-route.ts'
import { keyOf, openScheduleNeeds, toScheduleJson } from '../../schedules.ts'
import { scheduleParams, scheduleSchema } from '../../schemas/schedule.ts'

export const resumeScheduleRoute = defineRoute({
  method: 'POST',
  path: '/schedules/{id}/resume',
  function: 'api-flows',
  scope: 'tasks:write',
  summary: 'Resume a schedule',
  description: 'It fires at the next planned time; times that passed are skipped.',
  params: scheduleParams,
  answers: { 200: { description: 'The schedule.', schema: scheduleSchema } },
  problems: [404, 409],
  needs: openScheduleNeeds,
  handle: async ({ tenant, base, params: { id } }, needs) => ({
    status: 200,
    body: await toScheduleJson(
      await resumeSchedule(needs, keyOf(needs, tenant, id)),
      base,
      needs.clock.now(),
    ),
  }),
})

import { pauseSchedule } from '../../../core/application/schedule/change-schedule.ts'
import { defineRoute } from '../../define-route.ts'
import { keyOf, openScheduleNeeds, toScheduleJson } from '../../schedules.ts'
import { scheduleParams, scheduleSchema } from '../../schemas/schedule.ts'

export const pauseScheduleRoute = defineRoute({
  method: 'POST',
  path: '/schedules/{id}/pause',
  function: 'api-flows',
  scope: 'tasks:write',
  summary: 'Pause a schedule',
  description: 'It does not fire until it is resumed; a firing that has not begun is cancelled.',
  params: scheduleParams,
  answers: { 200: { description: 'The schedule.', schema: scheduleSchema } },
  problems: [404, 409],
  needs: openScheduleNeeds,
  handle: async ({ tenant, base, params: { id } }, needs) => ({
    status: 200,
    body: await toScheduleJson(await pauseSchedule(needs, keyOf(needs, tenant, id)), base, needs.clock.now()),
  }),
})

import { getSchedule } from '../../../core/application/schedule/change-schedule.ts'
import { defineRoute } from '../../define-route.ts'
import { keyOf, openScheduleNeeds, toScheduleJson } from '../../schedules.ts'
import { scheduleParams, scheduleSchema } from '../../schemas/schedule.ts'

export const getScheduleRoute = defineRoute({
  method: 'GET',
  path: '/schedules/{id}',
  function: 'api-flows',
  scope: 'tasks:read',
  summary: 'Get a schedule',
  description: 'With a description in words and its next five times.',
  params: scheduleParams,
  answers: { 200: { description: 'The schedule.', schema: scheduleSchema } },
  problems: [404],
  needs: openScheduleNeeds,
  handle: async ({ tenant, base, params: { id } }, needs) => ({
    status: 200,
    body: await toScheduleJson(await getSchedule(needs, keyOf(needs, tenant, id)), base, needs.clock.now()),
  }),
})

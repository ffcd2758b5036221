import { defineRoute } from '../../define-route.ts'
import { openScheduleNeeds, sharedSchedules, toScheduleJson } from '../../schedules.ts'
import { schedulePage, scheduleQuery } from '../../schemas/schedule.ts'

export const listSchedulesRoute = defineRoute({
  method: 'GET',
  path: '/schedules',
  function: 'api-flows',
  scope: 'tasks:read',
  summary: 'List schedules',
  description:
    'The first page begins with the schedules in the stage’s file, which only a deploy can change.',
  query: scheduleQuery,
  answers: { 200: { description: 'One page.', schema: schedulePage } },
  needs: openScheduleNeeds,
  handle: async ({ tenant, base, query: { limit, cursor } }, needs) => {
    const page = await needs.schedules.list(tenant, limit, cursor)
    const shared = cursor === undefined ? await sharedSchedules(needs, tenant) : []
    const now = needs.clock.now()
    return {
      status: 200,
      body: {
        schedules: await Promise.all(
          [...shared, ...page.schedules].map((one) => toScheduleJson(one, base, now)),
        ),
        next_cursor: page.cursor ?? null,
      },
    }
  },
})

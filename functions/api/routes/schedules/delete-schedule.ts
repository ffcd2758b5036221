import { deleteSchedule } from '../../../core/application/schedule/change-schedule.ts'
import { defineRoute } from '../../define-route.ts'
import { keyOf, openScheduleNeeds } from '../../schedules.ts'
import { scheduleParams } from '../../schemas/schedule.ts'

export const deleteScheduleRoute = defineRoute({
  method: 'DELETE',
  path: '/schedules/{id}',
  function: 'api-flows',
  scope: 'tasks:write',
  summary: 'Delete a schedule',
  description: 'Its tasks are kept; one that has not begun is cancelled.',
  params: scheduleParams,
  answers: { 204: { description: 'It is gone.' } },
  problems: [404, 409],
  needs: openScheduleNeeds,
  handle: async ({ tenant, params: { id } }, needs) => {
    await deleteSchedule(needs, keyOf(needs, tenant, id))
    return { status: 204 }
  },
})

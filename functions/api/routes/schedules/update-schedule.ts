import { updateSchedule } from '../../../core/application/schedule/change-schedule.ts'
import { defineRoute } from '../../define-route.ts'
import { bodyOf, draftOf, keyOf, openScheduleNeeds, toScheduleJson } from '../../schedules.ts'
import { scheduleParams, schedulePatch, scheduleSchema, TIMING_FIELDS } from '../../schemas/schedule.ts'

export const updateScheduleRoute = defineRoute({
  method: 'PATCH',
  path: '/schedules/{id}',
  function: 'api-flows',
  scope: 'tasks:write',
  summary: 'Change a schedule',
  description: 'Fields that are left out stay. A new timing takes the place of the old one whole.',
  params: scheduleParams,
  body: { schema: schedulePatch },
  answers: { 200: { description: 'The schedule.', schema: scheduleSchema } },
  problems: [404, 409],
  needs: openScheduleNeeds,
  handle: async ({ tenant, base, params: { id }, body }, needs) => {
    const hasTiming = TIMING_FIELDS.some((field) => body[field] !== undefined)
    const schedule = await updateSchedule(needs, keyOf(needs, tenant, id), (seen) => {
      const before = Object.entries(bodyOf(seen)).filter(
        ([field]) => !hasTiming || !(TIMING_FIELDS as readonly string[]).includes(field),
      )
      return draftOf(needs, tenant, { ...Object.fromEntries(before), ...body } as ReturnType<typeof bodyOf>)
    })
    return { status: 200, body: await toScheduleJson(schedule, base, needs.clock.now()) }
  },
})

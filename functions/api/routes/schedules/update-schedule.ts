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
  description:
    'Fields that are left out do not change; null removes start_at or end_at. A new timing replaces the old one completely, except that timezone alone changes only the time zone of the cron.',
  params: scheduleParams,
  body: { schema: schedulePatch },
  answers: { 200: { description: 'The schedule.', schema: scheduleSchema } },
  problems: [404, 409],
  needs: openScheduleNeeds,
  handle: async ({ tenant, base, params: { id }, body }, needs) => {
    const given = TIMING_FIELDS.filter((field) => body[field] !== undefined)
    const schedule = await updateSchedule(needs, keyOf(needs, tenant, id), async (seen) => {
      const isNewTiming = given.some((field) => field !== 'timezone')
      const before = Object.entries(bodyOf(seen)).filter(
        ([field]) => !isNewTiming || !(TIMING_FIELDS as readonly string[]).includes(field),
      )
      const fields = Object.entries({ ...Object.fromEntries(before), ...body })
      const wanted = Object.fromEntries(fields.filter(([, value]) => value !== null))
      const draft = await draftOf(needs, tenant, wanted as ReturnType<typeof bodyOf>)
      // A rate counts from when it was set, so that an update of other fields does not move its firings.
      return given.length === 0 ? { ...draft, timing: seen.timing } : draft
    })
    return { status: 200, body: await toScheduleJson(schedule, base, needs.clock.now()) }
  },
})

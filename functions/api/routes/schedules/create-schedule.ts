import { createSchedule } from '../../../core/application/schedule/change-schedule.ts'
import { defineRoute } from '../../define-route.ts'
import { draftOf, openScheduleNeeds, toScheduleJson } from '../../schedules.ts'
import { scheduleBody, scheduleSchema } from '../../schemas/schedule.ts'
import { hashOf } from '../../schemas/submit.ts'
import { readIdempotencyKey, replayHeader, submitHeaders } from '../../submission.ts'

export const createScheduleRoute = defineRoute({
  method: 'POST',
  path: '/schedules',
  function: 'api-flows',
  scope: 'tasks:write',
  summary: 'Make a schedule',
  description: 'By cron, by rate or once. Each firing is an ordinary task that starts on its second.',
  headers: submitHeaders,
  body: {
    schema: scheduleBody,
    examples: {
      weekdays: {
        summary: 'Every weekday at nine in Berlin',
        value: {
          cron: '0 9 * * MON-FRI',
          timezone: 'Europe/Berlin',
          task: { type: 'text.generate', input: { prompt: 'The news before {{scheduled_time}}.' } },
        },
      },
    },
  },
  answers: {
    201: {
      description: 'The schedule.',
      schema: scheduleSchema,
      headers: {
        Location: 'Path of the schedule.',
        'Idempotent-Replayed': '"true" when the idempotency key was used before.',
      },
    },
  },
  needs: openScheduleNeeds,
  handle: async ({ tenant, base, headers, body }, needs) => {
    const key = readIdempotencyKey(headers['Idempotency-Key'])
    // A separate name space: the same key may create a task and a schedule.
    const id =
      key === undefined ? needs.ids.taskId() : needs.ids.derivedTaskId(tenant, `\u0000schedule-key/${key}`)
    const draft = await draftOf(needs, tenant, body)
    const { schedule, isReplay } = await createSchedule(needs, { tenant, id }, draft, hashOf(body))
    const json = await toScheduleJson(schedule, base, needs.clock.now())
    return {
      status: 201,
      headers: { location: json.links.self, ...replayHeader(isReplay) },
      body: json,
    }
  },
})

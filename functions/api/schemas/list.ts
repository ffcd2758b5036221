import * as z from 'zod'
import { pageShape } from './cursor.ts'
import { laneName, taskSchema, taskStatus } from './task.ts'
import { waitSeconds } from './wait.ts'

export const listTasksQuery = z.strictObject({
  status: taskStatus.optional(),
  type: z.string().min(1).max(100).optional(),
  lane: laneName.optional(),
  tag: z.string().min(1).max(64).optional(),
  created_after: z.iso.datetime({ offset: true }).optional().describe('RFC 3339, inclusive.'),
  created_before: z.iso.datetime({ offset: true }).optional().describe('RFC 3339, inclusive.'),
  ...pageShape,
  ids: z
    .string()
    .regex(/^[^,]{1,64}(,[^,]{1,64}){0,99}$/, 'must be 1 to 100 ids with commas between them.')
    .optional()
    .describe('These tasks in this order instead of a page; unknown ids are left out.'),
  wait: waitSeconds.describe('With ids: seconds to wait until one of them has ended.'),
})

export const listTasksAnswer = z
  .object({
    tasks: z.array(taskSchema),
    next_cursor: z.string().nullable().describe('Null on the last page.'),
  })
  .meta({ id: 'TaskPage' })

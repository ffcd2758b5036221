import * as z from 'zod'
import { LIMITS } from '../../contract.ts'
import { laneName, taskSchema, taskStatus } from './task.ts'
import { waitSeconds } from './wait.ts'

export const listQuery = z.strictObject({
  status: taskStatus.optional(),
  type: z.string().min(1).max(100).optional(),
  lane: laneName.optional(),
  tag: z.string().min(1).max(64).optional(),
  created_after: z.iso.datetime({ offset: true }).optional().describe('RFC 3339, inclusive.'),
  created_before: z.iso.datetime({ offset: true }).optional().describe('RFC 3339, inclusive.'),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageSize).default(20),
  cursor: z
    .string()
    .regex(/^[\w-]{1,200}$/, 'is not a cursor of this API')
    .optional()
    .describe('next_cursor of the page before.'),
  ids: z
    .string()
    .regex(/^[^,]{1,64}(,[^,]{1,64}){0,99}$/, 'must be 1 to 100 ids with commas between them')
    .optional()
    .describe('These tasks, in this order, in place of a page; an id that is not known is left out.'),
  wait: waitSeconds.describe('With ids: seconds to wait until one of them has ended.'),
})

export const listAnswer = z
  .object({
    tasks: z.array(taskSchema),
    next_cursor: z.string().nullable().describe('Null on the last page.'),
  })
  .meta({ id: 'TaskPage' })

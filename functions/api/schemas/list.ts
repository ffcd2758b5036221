import * as z from 'zod'
import { LANES, LIMITS } from '../../contract.ts'
import { STATUSES } from '../../core/domain/task.ts'

import { taskSchema } from './task.ts'

export const listQuery = z.strictObject({
  status: z.enum(STATUSES).optional(),
  type: z.string().min(1).max(100).optional(),
  lane: z.enum(LANES).optional(),
  tag: z.string().min(1).max(64).optional(),
  created_after: z.iso.datetime({ offset: true }).optional().describe('RFC 3339, inclusive.'),
  created_before: z.iso.datetime({ offset: true }).optional().describe('RFC 3339, inclusive.'),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageSize).default(20),
  cursor: z
    .string()
    .regex(/^[\w-]{1,200}$/, 'is not a cursor of this API')
    .optional()
    .describe('next_cursor of the page before.'),
})

export const listAnswer = z
  .object({
    tasks: z.array(taskSchema),
    next_cursor: z.string().nullable().describe('Null on the last page.'),
  })
  .meta({ id: 'TaskPage' })

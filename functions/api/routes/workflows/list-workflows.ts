import * as z from 'zod'
import { WORKFLOW_STATUSES } from '../../../core/domain/workflow/workflow.ts'
import { openWorkflows } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { pageShape, readCursor, writeCursor } from '../../schemas/cursor.ts'
import { iso } from '../../schemas/time.ts'

const summary = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(WORKFLOW_STATUSES),
    tags: z.array(z.string()),
    created_at: z.iso.datetime(),
    finished_at: z.iso.datetime().nullable(),
    links: z.object({ self: z.string() }),
  })
  .meta({ id: 'WorkflowSummary' })

export const listWorkflowsRoute = defineRoute({
  method: 'GET',
  path: '/workflows',
  function: 'api-flows',
  scope: 'tasks:read',
  summary: 'List workflows, newest first',
  query: z.strictObject({
    status: z.enum(WORKFLOW_STATUSES).optional(),
    ...pageShape,
  }),
  answers: {
    200: {
      description: 'One page.',
      schema: z
        .object({ workflows: z.array(summary), next_cursor: z.string().nullable() })
        .meta({ id: 'WorkflowPage' }),
    },
  },
  needs: () => ({ workflows: openWorkflows() }),
  handle: async ({ tenant, base, query: { status, limit, cursor } }, { workflows }) => {
    const page = await workflows.list(tenant, status ? { status } : {}, limit, readCursor(cursor))
    return {
      status: 200,
      body: {
        workflows: page.workflows.map((row) => ({
          id: row.id,
          name: row.name,
          status: row.status,
          tags: [...row.tags],
          created_at: iso(row.createdAt),
          finished_at: iso(row.finishedAt),
          links: { self: `${base}/workflows/${row.id}` },
        })),
        next_cursor: writeCursor(page.cursor),
      },
    }
  },
})

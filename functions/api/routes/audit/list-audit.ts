import * as z from 'zod'
import { tenantOf } from '../../../core/application/keys/change-keys.ts'
import { openAuditReader } from '../../../hosts/data.ts'
import { defineRoute } from '../../define-route.ts'
import { pageShape, readCursor, writeCursor } from '../../schemas/cursor.ts'
import { tenantName } from '../../schemas/key.ts'
import { iso } from '../../schemas/time.ts'

const entrySchema = z
  .object({
    id: z.string(),
    at: z.iso.datetime(),
    by: z
      .string()
      .nullable()
      .describe('Id of the key, or issuer and subject of the token; null on a stage without keys.'),
    action: z.string().describe('Method and path.'),
    target: z.string().nullable().describe('Id of what was changed.'),
    status: z
      .int()
      .nullable()
      .describe('HTTP status of the answer; null when the end of the call is unknown.'),
    before: z.string().nullable(),
    after: z.string().nullable(),
  })
  .meta({ id: 'AuditEntry' })

export const listAuditRoute = defineRoute({
  method: 'GET',
  path: '/audit',
  function: 'api-data',
  scope: 'keys:admin',
  summary: 'Show who changed what',
  description: 'Every call that changed something, except submits. Newest first.',
  query: z.strictObject({
    ...pageShape,
    tenant: tenantName.optional().describe('Tenant of the key. Default: the caller’s own.'),
    target: z.string().min(1).max(200).optional().describe('Only changes of this id.'),
    by: z.string().min(1).max(200).optional().describe('Only changes by this key.'),
  }),
  answers: {
    200: {
      description: 'A page of it.',
      schema: z
        .object({ entries: z.array(entrySchema), next_cursor: z.string().nullable() })
        .meta({ id: 'AuditPage' }),
    },
  },
  needs: openAuditReader,
  handle: async ({ principal, query: { tenant, target, by, limit, cursor } }, { audit }) => {
    const owner = tenantOf(principal, tenant)
    const page = await audit.list(owner, { target, by }, limit, readCursor(cursor))
    return {
      status: 200,
      body: {
        entries: page.entries.map((entry) => ({
          id: entry.id,
          at: iso(entry.at),
          by: entry.by ?? null,
          action: entry.action,
          target: entry.target ?? null,
          status: entry.status ?? null,
          before: entry.before ?? null,
          after: entry.after ?? null,
        })),
        next_cursor: writeCursor(page.cursor),
      },
    }
  },
})

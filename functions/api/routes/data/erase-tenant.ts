import * as z from 'zod'
import { TABLE } from '../../../contract.ts'
import { eraseTenant, OBJECTS } from '../../../core/application/data/erase-tenant.ts'
import { tenantOf } from '../../../core/application/keys/change-keys.ts'
import { invalid } from '../../../core/application/submit/prepare-submission.ts'
import { openErasers } from '../../../hosts/data.ts'
import { defineRoute } from '../../define-route.ts'
import { writeCursor } from '../../schemas/cursor.ts'
import { tenantName } from '../../schemas/key.ts'

/** Within the gateway's limit of 29 s. */
const WORK_MS = 15_000

const bodyShape = z.strictObject({
  tenant: tenantName.describe(
    'Tenant whose data is deleted. Only operators may name another tenant than their own.',
  ),
  from: z
    .string()
    .regex(/^[\w-]{1,4000}$/, 'is no "next" of this route.')
    .nullable()
    .optional()
    .describe('"next" of the answer before, until it is null.'),
})

export const eraseTenantRoute = defineRoute({
  method: 'POST',
  path: '/data/erase',
  function: 'api-data',
  scope: 'keys:admin',
  summary: 'Delete everything of a tenant',
  description:
    'Deletes tasks, workflows, schedules, webhooks, uploads, files and keys, except the calling key; the audit log is kept for its own time. Works for some seconds; send it again with "next" until that is null. A second pass finds what was submitted meanwhile.',
  body: {
    schema: bodyShape,
    examples: { first: { summary: 'Begin', value: { tenant: 'acme' } } },
  },
  answers: {
    200: {
      description: 'What this call deleted.',
      schema: z
        .object({ tenant: z.string(), rows: z.int(), objects: z.int(), next: z.string().nullable() })
        .meta({ id: 'Erased' }),
    },
  },
  needs: openErasers,
  handle: async ({ principal, note, body }, needs) => {
    const tenant = tenantOf(principal, body.tenant)
    const { rows, objects, next } = await eraseTenant(needs, tenant, {
      from: readPlace(body.from),
      stopAt: needs.clock.now() + WORK_MS,
      isKept: (pk) => pk === `${TABLE.keyPrefix}${principal.keyId}`,
    })
    note({ target: tenant, after: `${rows} rows, ${objects} objects` })
    return { status: 200, body: { tenant, rows, objects, next: writeCursor(next) } }
  },
})

/** @throws RequestError for a cursor that this route did not return. */
function readPlace(from: string | null | undefined): string | undefined {
  if (from === undefined || from === null) return undefined
  const place = Buffer.from(from, 'base64url').toString('utf8')
  const isWhole = writeCursor(place) === from
  if (isWhole && (place === OBJECTS || /^\["[^"\\]+","[^"\\]+"\]$/.test(place))) return place
  throw invalid([{ path: 'from', message: 'is no "next" of this route; send it as it came.' }])
}

import * as z from 'zod'
import { showLimits } from '../../../core/application/limits/change-limits.ts'
import { openLimitNeeds } from '../../../hosts/limits.ts'
import { defineRoute } from '../../define-route.ts'
import { tenantName } from '../../schemas/key.ts'
import { limitsSchema, toLimitsJson } from '../../schemas/limits.ts'

export const getLimitsRoute = defineRoute({
  method: 'GET',
  path: '/limits',
  function: 'api-flows',
  scope: 'tasks:read',
  summary: 'Read the limits of a tenant and their use',
  query: z.strictObject({ tenant: tenantName.optional().describe('Default: the caller’s own.') }),
  answers: { 200: { description: 'What holds now.', schema: limitsSchema } },
  needs: openLimitNeeds,
  handle: async ({ principal, query: { tenant } }, needs) => ({
    status: 200,
    body: toLimitsJson(await showLimits(needs, principal, tenant)),
  }),
})

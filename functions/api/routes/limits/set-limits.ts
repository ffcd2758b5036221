import * as z from 'zod'
import { setLimits } from '../../../core/application/limits/change-limits.ts'
import { openLimitNeeds } from '../../../hosts/limits.ts'
import { defineRoute } from '../../define-route.ts'
import { tenantName } from '../../schemas/key.ts'
import { limitsBody, limitsSchema, toLimitsJson, toOwnLimits } from '../../schemas/limits.ts'

export const setLimitsRoute = defineRoute({
  method: 'PUT',
  path: '/limits',
  function: 'api-flows',
  scope: 'keys:admin',
  summary: 'Set the limits of a tenant',
  description:
    'Replaces all of them; the stage’s limit applies for those left out or null. A tenant’s own key may lower the stage’s limits, an operator’s key may raise them. Submits know of it within ten seconds.',
  query: z.strictObject({ tenant: tenantName.optional().describe('Default: the caller’s own.') }),
  body: {
    schema: limitsBody,
    examples: { budget: { summary: 'Five dollars a day', value: { usd_per_day: 5 } } },
  },
  answers: { 200: { description: 'What holds now.', schema: limitsSchema } },
  needs: openLimitNeeds,
  handle: async ({ principal, query: { tenant }, body }, needs) => ({
    status: 200,
    body: toLimitsJson(await setLimits(needs, principal, toOwnLimits(body), tenant)),
  }),
})

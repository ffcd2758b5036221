import * as z from 'zod'
import { listKeys } from '../../../core/application/keys/change-keys.ts'
import { openKeys } from '../../../hosts/keys.ts'
import { defineRoute } from '../../define-route.ts'
import { keySchema, tenantName, toKeyJson } from '../../schemas/key.ts'

export const listKeysRoute = defineRoute({
  method: 'GET',
  path: '/keys',
  function: 'api-keys',
  scope: 'keys:admin',
  summary: 'List the keys of a tenant',
  description: 'The newest hundred; keys of the last moment may be missing.',
  query: z.strictObject({ tenant: tenantName.optional().describe('Default: the caller’s own.') }),
  answers: {
    200: {
      description: 'Newest first.',
      schema: z.object({ keys: z.array(keySchema) }).meta({ id: 'KeyList' }),
    },
  },
  needs: openKeys,
  handle: async ({ principal, query: { tenant } }, needs) => ({
    status: 200,
    body: { keys: (await listKeys(needs, principal, tenant)).map(toKeyJson) },
  }),
})

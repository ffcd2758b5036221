import { revokeKey } from '../../../core/application/keys/change-keys.ts'
import { openKeys } from '../../../hosts/keys.ts'
import { defineRoute } from '../../define-route.ts'
import { keyParams } from '../../schemas/key.ts'

export const revokeKeyRoute = defineRoute({
  method: 'DELETE',
  path: '/keys/{id}',
  function: 'api-keys',
  scope: 'keys:admin',
  summary: 'Revoke a key',
  description: 'It is refused everywhere within half a minute. Its tenant’s tasks stay.',
  params: keyParams,
  answers: { 204: { description: 'It is revoked.' } },
  problems: [404],
  needs: openKeys,
  handle: async ({ principal, params: { id } }, needs) => {
    await revokeKey(needs, principal, id)
    return { status: 204 }
  },
})

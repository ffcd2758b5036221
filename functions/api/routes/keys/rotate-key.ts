import { rotateKey } from '../../../core/application/keys/change-keys.ts'
import { openKeys } from '../../../hosts/keys.ts'
import { defineRoute } from '../../define-route.ts'
import { keyParams, newKeySchema, rotateKeyShape, toNewKeyJson } from '../../schemas/key.ts'

export const rotateKeyRoute = defineRoute({
  method: 'POST',
  path: '/keys/{id}/rotate',
  function: 'api-keys',
  scope: 'keys:admin',
  summary: 'Replace a key',
  description: 'Makes another of the same name, tenant and scopes; both work for the overlap.',
  params: keyParams,
  body: { schema: rotateKeyShape, isOptional: true },
  answers: { 201: { description: 'The next key. It is shown only in this answer.', schema: newKeySchema } },
  problems: [404, 409],
  needs: openKeys,
  handle: async ({ principal, params: { id }, body: { overlap_seconds } }, needs) => ({
    status: 201,
    body: toNewKeyJson(await rotateKey(needs, principal, id, overlap_seconds * 1_000)),
  }),
})

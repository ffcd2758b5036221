import { createKey } from '../../../core/application/keys/change-keys.ts'
import { openKeys } from '../../../hosts/keys.ts'
import { defineRoute } from '../../define-route.ts'
import { createKeyShape, newKeySchema, toNewKeyJson } from '../../schemas/key.ts'

const DAY_MS = 86_400_000

export const createKeyRoute = defineRoute({
  method: 'POST',
  path: '/keys',
  function: 'api-keys',
  scope: 'keys:admin',
  summary: 'Make a key',
  description: 'It cannot have a scope that the calling key lacks.',
  body: {
    schema: createKeyShape,
    examples: {
      worker: {
        summary: 'Submits and reads',
        value: { name: 'website', scopes: ['tasks:read', 'tasks:write'] },
      },
    },
  },
  answers: { 201: { description: 'The new key. It is shown only in this answer.', schema: newKeySchema } },
  problems: [409],
  needs: openKeys,
  handle: async ({ principal, body: { name, scopes, tenant, expires_in_days } }, needs) => ({
    status: 201,
    body: toNewKeyJson(
      await createKey(needs, principal, {
        name,
        scopes: [...new Set(scopes)],
        tenant,
        ...(expires_in_days === undefined ? {} : { expiresInMs: expires_in_days * DAY_MS }),
      }),
    ),
  }),
})

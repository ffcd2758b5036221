import * as z from 'zod'
import { SCOPES } from '../../contract.ts'
import type { NewKey } from '../../core/application/keys/change-keys.ts'
import type { ApiKey } from '../../core/domain/api-key.ts'
import { TENANT_NAME } from '../../core/domain/token-issuer.ts'
import { iso } from './time.ts'

const time = z.iso.datetime()
const DAY = 86_400

export const keyScope = z.enum(SCOPES).meta({ id: 'Scope' })

export const tenantName = z.string().regex(TENANT_NAME, 'must be 1 to 64 letters, digits, ".", "_" or "-".')

export const keyParams = z.object({
  id: z.string().describe('Id of the key: what is between tk_ and the next _.'),
})

export const createKeyShape = z.strictObject({
  name: z.string().min(1).max(100).describe('For people: who or what uses it.'),
  scopes: z.array(keyScope).min(1).max(SCOPES.length),
  tenant: tenantName
    .optional()
    .describe('Tenant of the key. Default: that of the calling key. Only operators may name another one.'),
  expires_in_days: z.int().min(1).max(3_650).optional().describe('By default it does not expire.'),
})

export const rotateKeyShape = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(30 * DAY)
    .default(DAY)
    .describe('How long the old key still works.'),
})

export const keySchema = z
  .object({
    id: z.string(),
    tenant: z.string(),
    name: z.string(),
    scopes: z.array(keyScope),
    created_at: time,
    created_by: z.string().nullable().describe('Id of the key that created it.'),
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
    last_used_at: time.nullable().describe('Exact to one hour.'),
  })
  .meta({ id: 'Key' })

export const newKeySchema = keySchema
  .extend({
    key: z.string().describe('Shown only in this answer. Send it in x-api-key or as a bearer token.'),
  })
  .meta({ id: 'NewKey' })

export const toKeyJson = (key: ApiKey) => ({
  id: key.id,
  tenant: key.tenant,
  name: key.name,
  scopes: [...key.scopes],
  created_at: iso(key.createdAt),
  created_by: key.createdBy ?? null,
  expires_at: iso(key.expiresAt),
  revoked_at: iso(key.revokedAt),
  last_used_at: iso(key.lastUsedAt),
})

export const toNewKeyJson = ({ key, token }: NewKey) => ({ ...toKeyJson(key), key: token })

import { type ApiKey, isActiveKey, OPERATORS, toToken } from '../../domain/api-key.ts'
import { RequestError, UnavailableError } from '../../domain/errors.ts'
import type { KeyScope, Principal } from '../../domain/principal.ts'
import type { Clock, Ids } from '../../ports/clock.ts'
import type { KeyHash, KeyStore } from '../../ports/key-store.ts'

export interface KeyNeeds {
  readonly keys: KeyStore
  readonly keyHash: KeyHash
  readonly clock: Pick<Clock, 'now'>
  readonly ids: Pick<Ids, 'taskId'>
}

export interface KeyRequest {
  readonly name: string
  readonly scopes: readonly KeyScope[]
  readonly tenant?: string | undefined
  readonly expiresInMs?: number | undefined
}

/** Only this answer contains the whole key; it is not stored. */
export interface NewKey {
  readonly key: ApiKey
  readonly token: string
}

/** @throws RequestError for scopes that the caller does not have, and for another tenant. */
export async function createKey(needs: KeyNeeds, principal: Principal, wanted: KeyRequest): Promise<NewKey> {
  checkGives(principal, wanted.scopes)
  const now = needs.clock.now()
  return store(needs, {
    tenant: tenantOf(principal, wanted.tenant),
    name: wanted.name,
    scopes: wanted.scopes,
    createdAt: now,
    ...(principal.keyId === undefined ? {} : { createdBy: principal.keyId }),
    ...(wanted.expiresInMs === undefined ? {} : { expiresAt: now + wanted.expiresInMs }),
  })
}

export const listKeys = (
  { keys }: Pick<KeyNeeds, 'keys'>,
  principal: Principal,
  tenant?: string,
): Promise<readonly ApiKey[]> => keys.list(tenantOf(principal, tenant))

/**
 * Creates the new key first: if the process stops afterwards, the old one still works.
 *
 * @throws RequestError for another tenant's key, or one that no longer works.
 */
export async function rotateKey(
  needs: KeyNeeds,
  principal: Principal,
  id: string,
  overlapMs: number,
): Promise<NewKey> {
  const old = await find(needs, principal, id)
  const now = needs.clock.now()
  if (!isActiveKey(old, now))
    throw new RequestError('wrong_state', 'This key no longer works. Create a new one.')
  checkGives(principal, old.scopes)
  const next = await store(needs, {
    tenant: old.tenant,
    name: old.name,
    scopes: old.scopes,
    createdAt: now,
    ...(principal.keyId === undefined ? {} : { createdBy: principal.keyId }),
    // The new key expires when the old one would have.
    ...(old.expiresAt === undefined ? {} : { expiresAt: old.expiresAt }),
  })
  await change(needs, id, (key) => ({
    ...key,
    expiresAt: Math.min(key.expiresAt ?? Number.POSITIVE_INFINITY, now + overlapMs),
  }))
  return next
}

/** Revoking a revoked key succeeds. @throws RequestError for another tenant's key. */
export async function revokeKey(needs: KeyNeeds, principal: Principal, id: string): Promise<void> {
  await find(needs, principal, id)
  const now = needs.clock.now()
  await change(needs, id, (key) => (key.revokedAt === undefined ? { ...key, revokedAt: now } : undefined))
}

/** @throws RequestError for scopes that the caller does not have. */
function checkGives(principal: Principal, scopes: readonly KeyScope[]): void {
  const missing = scopes.filter((scope) => !principal.scopes.includes(scope))
  if (missing.length > 0)
    throw new RequestError(
      'forbidden',
      `A key cannot give scopes that it does not have: ${missing.join(', ')}.`,
    )
}

/** @throws RequestError for another tenant, unless the caller is an operator. */
export function tenantOf(principal: Principal, wanted: string | undefined): string {
  if (wanted === undefined || wanted === principal.tenant) return principal.tenant
  if (principal.tenant === OPERATORS) return wanted
  throw new RequestError('forbidden', `Only keys of tenant "${OPERATORS}" reach those of another tenant.`)
}

/** Another tenant's key gives the same answer as an unknown one. */
async function find({ keys }: KeyNeeds, { tenant }: Principal, id: string): Promise<ApiKey> {
  const key = await keys.get(id)
  if (!key || (key.tenant !== tenant && tenant !== OPERATORS))
    throw new RequestError('not_found', `There is no key ${id.slice(0, 100)}.`)
  return key
}

async function store(needs: KeyNeeds, fields: Omit<ApiKey, 'id' | 'version' | 'hash'>): Promise<NewKey> {
  const id = needs.ids.taskId()
  const secret = needs.keyHash.newSecret()
  const key = { ...fields, id, version: 1, hash: await needs.keyHash.digest(id, secret) }
  await needs.keys.create(key)
  return { key, token: toToken(id, secret) }
}

const MAX_TRIES = 5

/** The authorizer writes uses to the same row: after a lost race the row is read again. */
async function change(
  { keys }: KeyNeeds,
  id: string,
  next: (key: ApiKey) => ApiKey | undefined,
): Promise<void> {
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    const key = await keys.get(id)
    const wanted = key && next(key)
    if (!key || !wanted || (await keys.replace(key, wanted))) return
  }
  throw new UnavailableError('The key is being changed by somebody else. Try again.')
}

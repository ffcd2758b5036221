import { describe, expect, it } from 'vitest'
import { SCOPES } from '../../functions/contract.ts'
import { createIds } from '../../functions/core/adapters/system/ids.ts'
import { createKeyHash } from '../../functions/core/adapters/system/key-hash.ts'
import { KEY_CACHE_MS, openAuthentication } from '../../functions/core/application/keys/authenticate.ts'
import {
  createKey,
  listKeys,
  revokeKey,
  rotateKey,
} from '../../functions/core/application/keys/change-keys.ts'
import { parseToken } from '../../functions/core/domain/api-key.ts'
import type { Principal } from '../../functions/core/domain/principal.ts'
import { MemoryKeys } from '../fixtures/memory-keys.ts'

const operator: Principal = { tenant: 'default', keyId: undefined, scopes: SCOPES }
const admin: Principal = { tenant: 'a', keyId: 'k', scopes: ['tasks:read', 'tasks:write', 'keys:admin'] }

function world(pepper: string | undefined = 'pepper') {
  const clock = { at: 1_800_000_000_000, now: () => clock.at }
  const keys = new MemoryKeys()
  const needs = { keys, keyHash: createKeyHash(async () => pepper), clock, ids: createIds(clock.now) }
  return { ...needs, needs, authenticate: openAuthentication(needs) }
}

const reads = { name: 'website', scopes: ['tasks:read'] } as const

describe('a key', () => {
  it('authenticates its tenant and scopes, and is stored nowhere in clear', async () => {
    const { needs, keys, authenticate } = world()
    const { token, key } = await createKey(needs, admin, reads)
    expect(await authenticate(token)).toEqual({ tenant: 'a', keyId: key.id, scopes: ['tasks:read'] })
    const { secret = '' } = parseToken(token) ?? {}
    expect(JSON.stringify([...keys.rows.values()])).not.toContain(secret)
  })

  it('is refused with any change to it', async () => {
    const { needs, keys, authenticate } = world()
    const one = await createKey(needs, admin, reads)
    const other = await createKey(needs, admin, reads)
    const { secret = '' } = parseToken(one.token) ?? {}
    const wrong = [
      '',
      'tk_',
      one.token.slice(0, -1),
      `${one.token}x`,
      `${one.token} `,
      one.token.toUpperCase(),
      `tk_${other.key.id}_${secret}`,
      `tk_${one.key.id}_${'A'.repeat(43)}`,
      `tk_${'0'.repeat(26)}_${secret}`,
      one.key.id,
      one.key.hash,
      `tk_${one.key.id}_${one.key.hash}`,
    ]
    for (const token of wrong) expect([token, await authenticate(token)]).toEqual([token, undefined])
    // A hash that is copied into another row gives no access there.
    keys.rows.set(other.key.id, { ...other.key, hash: one.key.hash })
    expect(await authenticate(`tk_${other.key.id}_${secret}`)).toBeUndefined()
  })

  it('is refused on a stage with another pepper, and on one without', async () => {
    const { needs, authenticate, keys } = world()
    const { token } = await createKey(needs, admin, reads)
    const other = { ...needs, keyHash: createKeyHash(async () => 'another') }
    expect(await openAuthentication(other)(token)).toBeUndefined()
    const none = { ...needs, keyHash: createKeyHash(async () => undefined) }
    await expect(openAuthentication(none)(token)).rejects.toThrow(/key-pepper/)
    expect(await authenticate(token)).toBeDefined()
    expect(keys.rows.size).toBe(1)
  })

  it('stops working when it expires and, half a minute later at most, when it is revoked', async () => {
    const { needs, clock, authenticate } = world()
    const short = await createKey(needs, admin, { ...reads, expiresInMs: 1_000 })
    expect(await authenticate(short.token)).toBeDefined()
    clock.at += 1_000
    expect(await authenticate(short.token)).toBeUndefined()
    const { token, key } = await createKey(needs, admin, reads)
    expect(await authenticate(token)).toBeDefined()
    await revokeKey(needs, admin, key.id)
    clock.at += KEY_CACHE_MS
    expect(await authenticate(token)).toBeUndefined()
    expect(KEY_CACHE_MS).toBeLessThanOrEqual(60_000)
  })

  it('records its use once an hour, and never overwrites a revocation', async () => {
    const { needs, keys, clock, authenticate } = world()
    const { token, key } = await createKey(needs, admin, reads)
    const row = () => keys.rows.get(key.id)
    for (let times = 0; times < 5; times += 1) await authenticate(token)
    expect(row()).toMatchObject({ version: 2, lastUsedAt: clock.at })
    await revokeKey(needs, admin, key.id)
    await authenticate(token)
    expect(row()).toMatchObject({ revokedAt: clock.at })
    const other = await createKey(needs, admin, reads)
    await authenticate(other.token)
    clock.at += 3_600_000
    await authenticate(other.token)
    expect(keys.rows.get(other.key.id)).toMatchObject({ version: 3, lastUsedAt: clock.at })
  })

  it('is rotated with an overlap in which both keys work', async () => {
    const { needs, clock, authenticate } = world()
    const old = await createKey(needs, admin, reads)
    const next = await rotateKey(needs, admin, old.key.id, 60_000)
    expect(next.key).toMatchObject({ tenant: 'a', name: 'website', scopes: ['tasks:read'] })
    expect(await authenticate(old.token)).toBeDefined()
    expect(await authenticate(next.token)).toBeDefined()
    clock.at += 60_000
    expect(await authenticate(old.token)).toBeUndefined()
    expect(await authenticate(next.token)).toBeDefined()
    await expect(rotateKey(needs, admin, old.key.id, 0)).rejects.toThrow(/no longer works/)
  })
})

describe('an administrator', () => {
  it('gives no scope that they do not have, by creating or by rotating a key', async () => {
    const { needs } = world()
    await expect(createKey(needs, admin, { name: 'x', scopes: ['ops:write'] })).rejects.toThrow(/ops:write/)
    const { key } = await createKey(needs, operator, { name: 'x', scopes: ['ops:write'], tenant: 'a' })
    await expect(rotateKey(needs, admin, key.id, 0)).rejects.toThrow(/ops:write/)
  })

  it('reaches no other tenant’s keys, unless they operate the stage', async () => {
    const { needs } = world()
    const { key } = await createKey(needs, operator, { ...reads, tenant: 'b' })
    expect(key.tenant).toBe('b')
    const missing = { code: 'not_found', message: `There is no key ${key.id}.` }
    await expect(revokeKey(needs, admin, key.id)).rejects.toMatchObject(missing)
    await expect(rotateKey(needs, admin, key.id, 0)).rejects.toMatchObject(missing)
    await expect(createKey(needs, admin, { ...reads, tenant: 'b' })).rejects.toMatchObject({
      code: 'forbidden',
    })
    expect(() => listKeys(needs, admin, 'b')).toThrow(/Only keys of tenant "default"/)
    expect(await listKeys(needs, admin)).toEqual([])
    expect(await listKeys(needs, operator, 'b')).toHaveLength(1)
    await revokeKey(needs, operator, key.id)
    await revokeKey(needs, operator, key.id)
  })
})

it('the comparison accepts any two texts, and is false for different lengths', () => {
  const { isSame } = createKeyHash(async () => 'p')
  expect([isSame('abc', 'abc'), isSame('abc', 'abd'), isSame('abc', 'ab'), isSame('', '')]).toEqual([
    true,
    false,
    false,
    true,
  ])
})

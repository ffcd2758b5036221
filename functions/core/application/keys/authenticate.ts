import { type ApiKey, isActiveKey, isUseRecordDue, parseToken } from '../../domain/api-key.ts'
import type { Principal } from '../../domain/principal.ts'
import type { Clock } from '../../ports/clock.ts'
import type { KeyHash, KeyStore } from '../../ports/key-store.ts'
import type { TokenVerifier } from '../../ports/token-verifier.ts'

interface Needs {
  readonly keys: Pick<KeyStore, 'get' | 'replace'>
  readonly keyHash: KeyHash
  readonly clock: Pick<Clock, 'now'>
  /** Set on a stage that also accepts tokens of OpenID Connect issuers. */
  readonly tokens?: TokenVerifier | undefined
}

/** How long a key is cached: a revoked key may work this much longer. */
export const KEY_CACHE_MS = 30_000
const MAX_CACHED_KEYS = 10_000
const MAX_CACHED_MISSING = 1_000
/** As long as any real hash. A constant, because computing one per call takes a tenth of the whole answer's time. */
const NO_HASH = 'A'.repeat(43)

/** @returns the token's owner; undefined for an unknown, wrong, expired or revoked token, without saying which. */
export function openAuthentication({ keys, keyHash, clock, tokens }: Needs) {
  const known = new Map<string, { readonly key: ApiKey; readonly until: number }>()
  /** Unknown ids, cached so that repeated ones are answered as fast as known ids. */
  const missing = new Map<string, number>()

  async function find(id: string): Promise<ApiKey | undefined> {
    const seen = known.get(id)
    if (seen && seen.until > clock.now()) return seen.key
    known.delete(id)
    if ((missing.get(id) ?? 0) > clock.now()) return undefined
    const key = await keys.get(id)
    const until = clock.now() + KEY_CACHE_MS
    if (key) {
      missing.delete(id)
      remember(key, until)
      return key
    }
    // A separate cache, so that invented ids cannot push real keys out.
    if (missing.size >= MAX_CACHED_MISSING) missing.clear()
    missing.set(id, until)
    return undefined
  }

  function remember(key: ApiKey, until: number): void {
    if (known.size >= MAX_CACHED_KEYS) known.clear()
    known.set(key.id, { key, until })
  }

  /** Records when a key was used. A failure does not refuse the call. */
  async function noteUse(key: ApiKey, now: number): Promise<void> {
    const used = { ...key, lastUsedAt: now }
    const until = known.get(key.id)?.until
    if (until !== undefined) remember({ ...used, version: key.version + 1 }, until)
    await keys.replace(key, used).catch(() => false)
  }

  return async (token: string): Promise<Principal | undefined> => {
    const parsed = parseToken(token)
    if (!parsed) return tokens?.verify(token)
    const [key, digest] = await Promise.all([find(parsed.id), keyHash.digest(parsed.id, parsed.secret)])
    // Compare for unknown ids as well, so that response times do not reveal which ids exist.
    const isRight = keyHash.isSame(digest, key?.hash ?? NO_HASH)
    const now = clock.now()
    if (!key || !isRight || !isActiveKey(key, now)) return undefined
    if (isUseRecordDue(key, now)) await noteUse(key, now)
    return { tenant: key.tenant, keyId: key.id, scopes: key.scopes }
  }
}

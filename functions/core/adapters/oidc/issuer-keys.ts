import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { UnavailableError } from '../../domain/errors.ts'
import type { TokenIssuer } from '../../domain/token-issuer.ts'

/** How long a key is still accepted after its issuer has removed it. */
export const KEY_SET_FRESH_MS = 300_000
/** How long known keys are accepted while the issuer does not answer. */
export const STALE_MS = 3_600_000
/** Least time between two reads, so that tokens with invented key ids do not cause calls. */
export const COOL_DOWN_MS = 30_000
const TIMEOUT_MS = 4_000
const MAX_KEY_SET_BYTES = 256 * 1_024

/** The public keys of one issuer, fetched when needed. */
export class IssuerKeys {
  readonly #issuer: TokenIssuer
  readonly #now: () => number
  #keys: JWTVerifyGetKey | undefined
  #readAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(issuer: TokenIssuer, now: () => number) {
    this.#issuer = issuer
    this.#now = now
  }

  /** @throws UnavailableError when no keys are known; JWKSNoMatchingKey when none of them matches. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (this.#age() >= KEY_SET_FRESH_MS) await this.#refresh()
    try {
      return await this.#usable()(header, token)
    } catch (cause) {
      if (!(cause instanceof errors.JWKSNoMatchingKey) || !(await this.#refresh())) throw cause
      return this.#usable()(header, token)
    }
  }

  #age(): number {
    return this.#now() - this.#readAt
  }

  #usable(): JWTVerifyGetKey {
    if (!this.#keys || this.#age() >= STALE_MS)
      throw new UnavailableError(`Issuer ${this.#issuer.name} does not give its keys.`)
    return this.#keys
  }

  /** @returns whether newer keys were read. */
  async #refresh(): Promise<boolean> {
    const before = this.#readAt
    if (!this.#reading) {
      if (this.#now() - this.#triedAt < COOL_DOWN_MS) return false
      this.#triedAt = this.#now()
      this.#reading = this.#read()
        // Known keys are still accepted for a while.
        .catch(() => undefined)
        .finally(() => {
          this.#reading = undefined
        })
    }
    await this.#reading
    return this.#readAt > before
  }

  async #read(): Promise<void> {
    this.#keys = createLocalJWKSet((await readJson(await this.#jwksUrl())) as JSONWebKeySet)
    this.#readAt = this.#now()
  }

  async #jwksUrl(): Promise<string> {
    const { issuer, jwksUrl } = this.#issuer
    if (jwksUrl) return jwksUrl
    const found = (await readJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)) as {
      readonly issuer?: unknown
      readonly jwks_uri?: unknown
    }
    if (found.issuer !== issuer || typeof found.jwks_uri !== 'string')
      throw new Error('It is another issuer’s document.')
    // Without TLS, anybody on the network path could replace the keys.
    if (new URL(found.jwks_uri).protocol !== new URL(issuer).protocol)
      throw new Error('Its keys are at another protocol than it is.')
    return found.jwks_uri
  }
}

async function readJson(url: string): Promise<unknown> {
  const answer = await fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  if (!answer.ok || !answer.body) throw new Error(`It answered with ${answer.status}.`)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of answer.body) {
    bytes += chunk.byteLength
    if (bytes > MAX_KEY_SET_BYTES) throw new Error('Its answer is too long.')
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}

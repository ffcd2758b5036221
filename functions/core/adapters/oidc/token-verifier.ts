import { decodeJwt, errors, jwtVerify } from 'jose'
import type { Principal } from '../../domain/principal.ts'
import { acceptsAudienceOf, type TokenIssuer, toPrincipal } from '../../domain/token-issuer.ts'
import type { TokenVerifier } from '../../ports/token-verifier.ts'
import { IssuerKeys } from './issuer-keys.ts'

/** Tolerated difference between the clocks of two machines. */
const TOLERANCE_SECONDS = 30
/** Within API Gateway's limit of 10 kB of headers. */
const MAX_TOKEN_CHARACTERS = 8_192
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** Accepts only tokens of the issuers in the stage's settings. No URL is taken from a token. */
export class OidcTokenVerifier implements TokenVerifier {
  readonly #issuers: ReadonlyMap<string, { readonly issuer: TokenIssuer; readonly keys: IssuerKeys }>
  readonly #now: () => number

  constructor(issuers: readonly TokenIssuer[], now: () => number) {
    this.#issuers = new Map(
      issuers.map((issuer) => [issuer.issuer, { issuer, keys: new IssuerKeys(issuer, now) }]),
    )
    this.#now = now
  }

  async verify(token: string): Promise<Principal | undefined> {
    if (token.length > MAX_TOKEN_CHARACTERS || !JWT.test(token)) return undefined
    try {
      const known = this.#issuers.get(decodeJwt(token).iss ?? '')
      if (!known) return undefined
      const { issuer, keys } = known
      const { payload } = await jwtVerify(token, keys.find, {
        issuer: issuer.issuer,
        algorithms: [...issuer.algorithms],
        requiredClaims: ['exp', 'sub'],
        clockTolerance: TOLERANCE_SECONDS,
        currentDate: new Date(this.#now()),
      })
      return acceptsAudienceOf(issuer, payload) ? toPrincipal(issuer, payload) : undefined
    } catch (cause) {
      if (cause instanceof errors.JOSEError) return undefined
      throw cause
    }
  }
}

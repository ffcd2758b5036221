import type { Principal } from '../domain/principal.ts'

/** Verifies signed tokens of OpenID Connect issuers. */
export interface TokenVerifier {
  /**
   * @returns undefined for any invalid token.
   * @throws UnavailableError when the issuer's keys cannot be read.
   */
  verify(token: string): Promise<Principal | undefined>
}

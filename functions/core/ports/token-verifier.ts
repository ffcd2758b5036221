import type { Principal } from '../domain/principal.ts'

/** Checks signed tokens of other issuers. */
export interface TokenVerifier {
  /**
   * @returns undefined for a token that is wrong in any way, or no such token.
   * @throws UnavailableError when the issuer's keys cannot be had.
   */
  verify(token: string): Promise<Principal | undefined>
}

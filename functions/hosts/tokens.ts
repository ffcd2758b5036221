/** Not in `keys.ts`, because the function that creates keys checks no tokens. */
import { ENV } from '../contract.ts'
import { OidcTokenVerifier } from '../core/adapters/oidc/token-verifier.ts'
import type { TokenVerifier } from '../core/ports/token-verifier.ts'
import { clock, readConfig } from './lambda.ts'

/** @returns undefined on a stage without issuers. */
export function openTokens(): TokenVerifier | undefined {
  const { TOKEN_ISSUERS } = readConfig([ENV.tokenIssuers])
  return TOKEN_ISSUERS.length === 0 ? undefined : new OidcTokenVerifier(TOKEN_ISSUERS, clock.now)
}

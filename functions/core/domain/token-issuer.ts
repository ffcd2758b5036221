import { OPERATORS } from './api-key.ts'
import type { KeyScope, Principal } from './principal.ts'

/** An OpenID Connect issuer whose tokens a stage accepts, and what their claims mean here. */
export interface TokenIssuer {
  /** Written before the subject where an audit entry would have a key's id. */
  readonly name: string
  /** The exact value of `iss`. */
  readonly issuer: string
  /** A token whose audience is none of these is refused. */
  readonly audiences: readonly string[]
  /** `client_id` for issuers whose access tokens have no `aud`. */
  readonly audienceClaim: string
  readonly algorithms: readonly string[]
  /** When left out, it is read from the issuer's discovery document. */
  readonly jwksUrl?: string | undefined
  /** Tenant of all its tokens; when left out, `tenantClaim` names the tenant of each token. */
  readonly tenant?: string | undefined
  readonly tenantClaim?: string | undefined
  readonly scopesClaim: string
  /** What the issuer writes before our scopes, e.g. `taskrunner/`. */
  readonly scopePrefix: string
  /** Further scopes in its tokens are ignored. */
  readonly maxScopes: readonly KeyScope[]
}

/** Without the characters that separate the parts of a row's key. */
export const TENANT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

type Claims = Readonly<Record<string, unknown>>

/** @returns undefined when the claims name no tenant. */
export function toPrincipal(issuer: TokenIssuer, claims: Claims): Principal | undefined {
  const tenant = issuer.tenant ?? tenantIn(claims[issuer.tenantClaim ?? ''])
  if (tenant === undefined || typeof claims.sub !== 'string') return undefined
  const granted = textsIn(claims[issuer.scopesClaim])
  return {
    tenant,
    keyId: `${issuer.name}:${claims.sub.replace(/[^\x21-\x7e]/g, '_').slice(0, 100)}`,
    scopes: issuer.maxScopes.filter((scope) => granted.includes(`${issuer.scopePrefix}${scope}`)),
  }
}

export const acceptsAudienceOf = ({ audiences, audienceClaim }: TokenIssuer, claims: Claims): boolean =>
  textsIn(claims[audienceClaim]).some((audience) => audiences.includes(audience))

/** A claim cannot name the operators' tenant, because users may be able to set the claim; only the stage's file can. */
const tenantIn = (claim: unknown): string | undefined =>
  typeof claim === 'string' && TENANT_NAME.test(claim) && claim !== OPERATORS ? claim : undefined

/** One text with spaces (RFC 8693) or a list; issuers use both. */
const textsIn = (claim: unknown): readonly string[] =>
  typeof claim === 'string'
    ? claim.split(' ')
    : Array.isArray(claim)
      ? claim.filter((item) => typeof item === 'string')
      : []

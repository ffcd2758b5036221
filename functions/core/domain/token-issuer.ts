import { OPERATORS } from './api-key.ts'
import type { KeyScope, Principal } from './principal.ts'

/** An issuer of OpenID Connect whose tokens a stage takes beside its own keys, and what their claims mean here. */
export interface TokenIssuer {
  /** Stands before the subject, where a key's id stands. */
  readonly name: string
  /** As tokens spell it in `iss`. */
  readonly issuer: string
  /** A token is for one of these, or not for us. */
  readonly audiences: readonly string[]
  /** `client_id` where an issuer's access tokens have no `aud`. */
  readonly audienceClaim: string
  readonly algorithms: readonly string[]
  /** Left out, the issuer's discovery document says where its keys are. */
  readonly jwksUrl?: string | undefined
  /** Everybody's; else `tenantClaim` says whose each token is. */
  readonly tenant?: string | undefined
  readonly tenantClaim?: string | undefined
  readonly scopesClaim: string
  /** What the issuer puts before our scopes, e.g. `taskrunner/`. */
  readonly scopePrefix: string
  /** What its tokens may do at most, whatever they say. */
  readonly mostScopes: readonly KeyScope[]
}

/** Without what separates the parts of a row's key. */
export const TENANT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

type Claims = Readonly<Record<string, unknown>>

/** @returns undefined for claims that name no tenant. */
export function toPrincipal(issuer: TokenIssuer, claims: Claims): Principal | undefined {
  const tenant = issuer.tenant ?? tenantIn(claims[issuer.tenantClaim ?? ''])
  if (tenant === undefined || typeof claims.sub !== 'string') return undefined
  const granted = textsIn(claims[issuer.scopesClaim])
  return {
    tenant,
    keyId: `${issuer.name}:${claims.sub.replace(/[^\x21-\x7e]/g, '_').slice(0, 100)}`,
    scopes: issuer.mostScopes.filter((scope) => granted.includes(`${issuer.scopePrefix}${scope}`)),
  }
}

export const isFor = ({ audiences, audienceClaim }: TokenIssuer, claims: Claims): boolean =>
  textsIn(claims[audienceClaim]).some((audience) => audiences.includes(audience))

/** Those who run the stage are named by the stage's file alone: a claim may be what its subject typed. */
const tenantIn = (claim: unknown): string | undefined =>
  typeof claim === 'string' && TENANT_NAME.test(claim) && claim !== OPERATORS ? claim : undefined

/** One text with spaces (RFC 8693) or a list, as issuers have it. */
const textsIn = (claim: unknown): readonly string[] =>
  typeof claim === 'string'
    ? claim.split(' ')
    : Array.isArray(claim)
      ? claim.filter((item) => typeof item === 'string')
      : []

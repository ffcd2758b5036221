import { SCOPES, type Scope } from '../../contract.ts'

export type KeyScope = (typeof SCOPES)[number]

/** The authenticated caller: its tenant, its key, and its scopes. */
export interface Principal {
  readonly tenant: string
  /** Undefined on a local stage without keys. */
  readonly keyId: string | undefined
  readonly scopes: readonly KeyScope[]
}

export const mayUse = ({ scopes }: Pick<Principal, 'scopes'>, scope: Scope): boolean =>
  scope === 'open' || scopes.includes(scope)

/** Scopes in one text, because an authorizer's context holds no lists. Unknown scopes are ignored. */
export const parseScopes = (text: string): readonly KeyScope[] => {
  const named = text.split(' ')
  return SCOPES.filter((scope) => named.includes(scope))
}

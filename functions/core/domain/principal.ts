import { SCOPES, type Scope } from '../../contract.ts'

export type KeyScope = (typeof SCOPES)[number]

/** Who calls: the tenant whose rows are within reach, the key that said so, and what it may do. */
export interface Principal {
  readonly tenant: string
  /** Undefined where nobody showed a key: the open local stage. */
  readonly keyId: string | undefined
  readonly scopes: readonly KeyScope[]
}

export const mayUse = ({ scopes }: Pick<Principal, 'scopes'>, scope: Scope): boolean =>
  scope === 'open' || scopes.includes(scope)

/** Scopes travel as one text: an authorizer's context holds no lists. What is no scope of this version gives no right. */
export const parseScopes = (text: string): readonly KeyScope[] => {
  const named = text.split(' ')
  return SCOPES.filter((scope) => named.includes(scope))
}

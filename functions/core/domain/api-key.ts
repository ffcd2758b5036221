import { OPEN_TENANT } from '../../contract.ts'
import type { KeyScope } from './principal.ts'

/** A tenant may have many keys and stays when they are revoked. Only the keyed hash of a key's secret is stored. */
export interface ApiKey {
  readonly tenant: string
  readonly id: string
  readonly version: number
  readonly name: string
  readonly scopes: readonly KeyScope[]
  readonly hash: string
  readonly createdAt: number
  /** Id of the key whose caller created this one. */
  readonly createdBy?: string | undefined
  readonly expiresAt?: number | undefined
  readonly revokedAt?: number | undefined
  /** Written at most once an hour. */
  readonly lastUsedAt?: number | undefined
}

/** The tenant of the operators of a stage: its administrators create and revoke keys for every tenant. */
export const OPERATORS = OPEN_TENANT

export const toToken = (id: string, secret: string): string => `tk_${id}_${secret}`

const TOKEN = /^tk_([0-9a-z]{26})_([A-Za-z0-9_-]{43})$/

export function parseToken(token: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = TOKEN.exec(token) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

export const isActiveKey = ({ revokedAt, expiresAt }: ApiKey, now: number): boolean =>
  (revokedAt === undefined || revokedAt > now) && (expiresAt === undefined || expiresAt > now)

const USE_RECORD_INTERVAL_MS = 3_600_000

export const isUseRecordDue = ({ lastUsedAt }: ApiKey, now: number): boolean =>
  lastUsedAt === undefined || now - lastUsedAt >= USE_RECORD_INTERVAL_MS

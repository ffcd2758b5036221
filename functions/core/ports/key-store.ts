import type { ApiKey } from '../domain/api-key.ts'

/**
 * Stores API keys.
 *
 * @throws UnavailableError when the store does not answer; then it is unknown whether a write succeeded.
 */
export interface KeyStore {
  /** Creates the row; the id must be new. */
  create(
    key: ApiKey,
  ): Promise<{ readonly created: true } | { readonly created: false; readonly existing: ApiKey }>
  /** Reads one row, strongly consistent, of any tenant: the tenant is not known before the key is read. */
  get(id: string): Promise<ApiKey | undefined>
  /** Replaces the row that was read. @returns false when it has changed since. */
  replace(seen: ApiKey, next: ApiKey): Promise<boolean>
  /** A tenant's newest keys, newest first; may miss keys of the last moment. */
  list(tenant: string): Promise<readonly ApiKey[]>
}

/** Creates secrets and their hashes. */
export interface KeyHash {
  newSecret(): string
  /** @throws RequestError on a stage without a pepper. */
  digest(id: string, secret: string): Promise<string>
  /** Takes the same time wherever the first difference is. */
  isSame(one: string, other: string): boolean
}

import type { ApiKey } from '../domain/api-key.ts'

/**
 * Keeps API keys.
 *
 * @throws UnavailableError when the store does not answer; nothing is known then about the write.
 */
export interface KeyStore {
  /** Creates the row; ids are new ones. */
  create(
    key: ApiKey,
  ): Promise<{ readonly created: true } | { readonly created: false; readonly existing: ApiKey }>
  /** Reads one row, strongly consistent, of whichever tenant: who asks does not know yet whose it is. */
  get(id: string): Promise<ApiKey | undefined>
  /** Puts the row in the place of the one that was seen. @returns false when another version is stored. */
  replace(seen: ApiKey, next: ApiKey): Promise<boolean>
  /** Newest first, a moment behind what was written; a page's worth of a tenant's keys at most. */
  list(tenant: string): Promise<readonly ApiKey[]>
}

/** Makes secrets and their hashes. */
export interface KeyHash {
  newSecret(): string
  /** @throws RequestError on a stage without a pepper. */
  digest(id: string, secret: string): Promise<string>
  /** Takes the same time wherever the two differ. */
  isSame(one: string, other: string): boolean
}

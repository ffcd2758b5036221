import type { Circuit } from '../domain/circuit.ts'

/**
 * Shares circuits between all workers.
 *
 * @throws UnavailableError when the store does not answer; callers then do without.
 */
export interface CircuitStore {
  /** All circuits there are, by name. */
  readAll(): Promise<ReadonlyMap<string, StoredCircuit>>
  /** One of them. */
  read(name: string): Promise<StoredCircuit | undefined>
  /**
   * Writes what follows from what was seen.
   * @returns false when somebody else was first: nothing is written then.
   */
  replace(name: string, seen: StoredCircuit | undefined, next: Circuit): Promise<boolean>
}

export interface StoredCircuit extends Circuit {
  /** Grows with every write. */
  readonly version: number
}

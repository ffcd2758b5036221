import type { Circuit } from '../domain/circuit.ts'

/**
 * Shares circuits between all workers.
 *
 * @throws UnavailableError when the store does not answer; callers then work without circuits.
 */
export interface CircuitStore {
  /** All stored circuits, by name. */
  readAll(): Promise<ReadonlyMap<string, StoredCircuit>>
  /** One circuit. */
  read(name: string): Promise<StoredCircuit | undefined>
  /**
   * Replaces a circuit by one that was derived from it.
   * @returns false when another worker has changed it since; then nothing is written.
   */
  replace(name: string, seen: StoredCircuit | undefined, next: Circuit): Promise<boolean>
}

export interface StoredCircuit extends Circuit {
  /** Increased by every write. */
  readonly version: number
}

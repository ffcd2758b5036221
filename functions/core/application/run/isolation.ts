import type { Clock } from '../../ports/clock.ts'

const CHECK_MS = 250

/**
 * Runs a task that may have crashed its worker alone: it waits until all other tasks of the invocation have ended, and no
 * other begins meanwhile. Several such tasks run one after another.
 */
export class Isolation {
  readonly #clock: Clock
  /** Tokens of the attempts, from just before their claim. */
  readonly #inside = new Set<string>()
  /** In order of arrival. */
  readonly #suspects = new Set<string>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isOn(): boolean {
    return this.#suspects.size > 0
  }

  /** @returns false when no attempt may begin now. */
  enter(token: string): boolean {
    if (this.isOn) return false
    this.#inside.add(token)
    return true
  }

  leave(token: string): void {
    this.#inside.delete(token)
    this.#suspects.delete(token)
  }

  /** Resolves when this attempt is the only one, or is aborted. */
  async alone(token: string, signal: AbortSignal): Promise<void> {
    this.#inside.delete(token)
    this.#suspects.add(token)
    while (!signal.aborted && (this.#inside.size > 0 || this.#suspects.values().next().value !== token))
      await this.#clock.sleep(CHECK_MS, signal)
  }
}

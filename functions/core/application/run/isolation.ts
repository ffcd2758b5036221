import type { Clock } from '../../ports/clock.ts'

const CHECK_MS = 250

/**
 * Keeps a task that may be what kills environments apart from all others of its invocation: it waits until they have
 * ended, and meanwhile nothing else begins. Several run one after another.
 */
export class Isolation {
  readonly #clock: Clock
  /** Tokens of attempts from before their claim on. */
  readonly #inside = new Set<string>()
  /** First come first. */
  readonly #suspects = new Set<string>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isOn(): boolean {
    return this.#suspects.size > 0
  }

  /** @returns false when nothing may begin now. */
  enter(token: string): boolean {
    if (this.isOn) return false
    this.#inside.add(token)
    return true
  }

  leave(token: string): void {
    this.#inside.delete(token)
    this.#suspects.delete(token)
  }

  /** Resolves when the attempt is the only one, or is aborted. */
  async alone(token: string, signal: AbortSignal): Promise<void> {
    this.#inside.delete(token)
    this.#suspects.add(token)
    while (!signal.aborted && (this.#inside.size > 0 || this.#suspects.values().next().value !== token))
      await this.#clock.sleep(CHECK_MS, signal)
  }
}

import { admit, afterFailure, closed, MAX_CIRCUIT_WAIT_MS, TROUBLE_CODES } from '../../domain/circuit.ts'
import { causeFields, ProviderError } from '../../domain/errors.ts'
import { circuitOpen } from '../../domain/provider-failure.ts'
import type { CircuitStore, StoredCircuit } from '../../ports/circuit-store.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'

interface Dependencies {
  readonly circuits: CircuitStore
  readonly clock: Clock
  readonly log: Log
}

/** How old what a worker knows of the circuits may be: the price of learning late is a few burnt attempts. */
const FRESH_MS = 5_000
/** A provider that answered so recently is not down, whatever one call met. */
const RECENT_SUCCESS_MS = 10_000
/** Races for one circuit that are worth another try. */
const TRIES = 3

/**
 * Keeps an environment's calls away from providers that keep failing. One per execution environment.
 *
 * A failure counts only when this environment has seen no success of the provider in the last 10 s, so that one
 * failed call in a hundred never opens a busy circuit. The table is asked before a model call, at most every 5 s, and
 * written only in trouble.
 */
export class ProviderGate {
  readonly #dependencies: Dependencies
  readonly #succeededAt = new Map<string, number>()
  #known: ReadonlyMap<string, StoredCircuit> = new Map()
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Looks at the circuits again if that was some time ago. Never rejects: no answer means no breaker. */
  refresh(maxAgeMs = FRESH_MS): Promise<void> {
    const { circuits, clock } = this.#dependencies
    if (clock.now() - this.#readAt < maxAgeMs) return this.#reading ?? Promise.resolve()
    this.#readAt = clock.now()
    this.#reading = circuits
      .readAll()
      .then((known) => {
        this.#known = known
      })
      .catch(this.#failed('read'))
      .finally(() => {
        this.#reading = undefined
      })
    return this.#reading
  }

  /**
   * @param parkedSince when a circuit first held this task; after too long, it may call all the same.
   * @returns whether this call is the one that finds out if the provider is back.
   * @throws ProviderError `circuit_open` while the provider's calls are paused.
   */
  async enter(provider: string, parkedSince?: number): Promise<'pass' | 'probe'> {
    await this.refresh()
    for (let left = TRIES; ; left -= 1) {
      const now = this.#dependencies.clock.now()
      const admission = admit(this.#known.get(provider), now)
      if (admission.kind === 'pass' || now - (parkedSince ?? now) > MAX_CIRCUIT_WAIT_MS) return 'pass'
      if (admission.kind === 'refuse') throw circuitOpen(provider, admission.until - now)
      const isMine = await this.#dependencies.circuits
        .replace(provider, this.#known.get(provider), admission.circuit)
        .catch(this.#failed('probe', false))
      await this.refresh(0)
      if (isMine) return 'probe'
      if (left === 0) return 'pass'
    }
  }

  async succeeded(provider: string): Promise<void> {
    const { circuits, log, clock } = this.#dependencies
    this.#succeededAt.set(provider, clock.now())
    const known = this.#known.get(provider)
    if (!known || known.failures === 0) return
    await circuits.replace(provider, known, closed(clock.now())).catch(this.#failed('close'))
    if (known.until !== undefined) log('circuit.closed', { provider, opens: known.opens })
    await this.refresh(0)
  }

  /**
   * @param entered what `enter` gave.
   * @returns the error to go on with: a probe that found the provider still down has spent nothing of its task's.
   */
  async failed(provider: string, error: unknown, entered: 'pass' | 'probe' = 'pass'): Promise<unknown> {
    if (!(error instanceof ProviderError) || !TROUBLE_CODES.includes(error.code)) return error
    await this.#note(provider, error)
    const until = this.#known.get(provider)?.until
    return entered === 'probe' && until !== undefined
      ? circuitOpen(provider, Math.max(0, until - this.#dependencies.clock.now()))
      : error
  }

  /** A table that does not answer means no breaker; one line says so. */
  #failed<Instead = undefined>(what: string, instead?: Instead) {
    return (error: unknown): Instead => {
      this.#dependencies.log('circuit.failed', { what, ...causeFields(error) })
      return instead as Instead
    }
  }

  async #note(provider: string, error: ProviderError): Promise<void> {
    const { circuits, clock, log } = this.#dependencies
    const now = clock.now()
    if (now - (this.#succeededAt.get(provider) ?? Number.NEGATIVE_INFINITY) < RECENT_SUCCESS_MS) return
    for (let left = TRIES; left > 0; left -= 1) {
      const known = this.#known.get(provider)
      const next = afterFailure(known, error.code, error.retryAfterMs, now)
      const isStored = await circuits.replace(provider, known, next).catch(this.#failed('note'))
      await this.refresh(0)
      if (isStored === undefined) return
      if (!isStored) continue
      if (next.until !== undefined && next.opens !== (known?.opens ?? 0))
        log('circuit.opened', { provider, code: next.code, open_ms: next.until - now, opens: next.opens })
      return
    }
  }
}

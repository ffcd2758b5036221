import {
  admitCall,
  afterFailure,
  type Caller,
  closedCircuit,
  MAX_CIRCUIT_WAIT_MS,
  RISE_WAIT_MS,
  TROUBLE_CODES,
  waitAtCircuit,
} from '../../domain/circuit.ts'
import { causeFields, ProviderError } from '../../domain/errors.ts'
import { circuitOpen } from '../../domain/provider-failure.ts'
import type { Task } from '../../domain/task.ts'
import type { CircuitStore, StoredCircuit } from '../../ports/circuit-store.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'

interface Dependencies {
  readonly circuits: CircuitStore
  readonly clock: Clock
  readonly log: Log
}

/** The task fields that the gate reads. */
export type GatedTask = Pick<
  Task,
  'id' | 'tenant' | 'epoch' | 'attempt' | 'maxAttempts' | 'history' | 'parkedSince'
>

/** Maximum age of the cached circuits. Learning of an open circuit this late costs a few attempts. */
const FRESH_MS = 5_000
/** A provider with a success this recently is available, even if one call fails. */
const RECENT_SUCCESS_MS = 10_000
/** Tries to write a circuit when other workers write it at the same time. */
const MAX_TRIES = 3
/** Further models share one circuit, because callers freely choose the model names of a prefix route. */
const MAX_CIRCUITS = 300

/**
 * Stops an environment's calls to models that keep failing. One instance per execution environment.
 *
 * A failure counts only when this environment has seen no success of the model in the last 10 s, so that one failed
 * call in a hundred never opens a busy circuit. The table is read before a model call, at most every 5 s, and written
 * only after failures.
 */
export class ProviderGate {
  readonly #dependencies: Dependencies
  readonly #succeededAt = new Map<string, number>()
  readonly #underway = new Map<string, number>()
  #known: ReadonlyMap<string, StoredCircuit> = new Map()
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Reads the circuits again if the cached ones are too old. Never rejects: without an answer no call is stopped. */
  refresh(maxAgeMs = FRESH_MS): Promise<void> {
    const { circuits, clock } = this.#dependencies
    if (clock.now() - this.#readAt < maxAgeMs) return this.#reading ?? Promise.resolve()
    this.#readAt = clock.now()
    this.#reading = circuits
      .readAll()
      .then((known) => {
        this.#known = known
      })
      .catch((cause) => this.#unanswered('read', cause))
      .finally(() => {
        this.#reading = undefined
      })
    return this.#reading
  }

  /**
   * The caller must call `leave` when a call that was admitted has ended.
   *
   * @throws ProviderError `circuit_open` while the model's calls are paused.
   */
  async enter(circuit: string, task: GatedTask): Promise<void> {
    await this.refresh()
    const name = this.#nameOf(circuit)
    const caller = callerOf(task)
    const { circuits, clock } = this.#dependencies
    for (let left = MAX_TRIES; ; left -= 1) {
      const now = clock.now()
      const admission = admitCall(this.#known.get(name), caller, now)
      const underway = this.#underway.get(name) ?? 0
      const isHeldTooLong = now - (task.parkedSince ?? now) > MAX_CIRCUIT_WAIT_MS
      if (isHeldTooLong || left === 0) break
      if (admission.kind === 'pass') {
        if (underway < admission.limit) break
        throw circuitOpen(circuit, RISE_WAIT_MS)
      }
      if (admission.kind === 'refuse')
        throw circuitOpen(circuit, waitAtCircuit(admission.until, task.parkedSince, now, clock.random()))
      const isMine = await circuits.replace(name, this.#known.get(name), admission.circuit).catch((cause) => {
        this.#unanswered('probe', cause)
        return true
      })
      await this.refresh(0)
      if (isMine) break
    }
    this.#underway.set(name, (this.#underway.get(name) ?? 0) + 1)
  }

  leave(circuit: string): void {
    const name = this.#nameOf(circuit)
    const underway = (this.#underway.get(name) ?? 1) - 1
    if (underway > 0) this.#underway.set(name, underway)
    else this.#underway.delete(name)
  }

  async succeeded(circuit: string, task: GatedTask): Promise<void> {
    const { circuits, log, clock } = this.#dependencies
    // Its failure may be newer than the cached circuits, and must not count any more.
    if (callerOf(task).hasFailed) await this.refresh(0)
    const name = this.#nameOf(circuit)
    if (this.#succeededAt.size > MAX_CIRCUITS) this.#succeededAt.clear()
    this.#succeededAt.set(name, clock.now())
    const known = this.#known.get(name)
    if (!known || (known.tasks.length === 0 && known.until === undefined)) return
    await circuits
      .replace(name, known, closedCircuit(known, clock.now()))
      .catch((cause) => this.#unanswered('close', cause))
    if (known.until !== undefined) log('circuit.closed', { provider: name, opens: known.opens })
    await this.refresh(0)
  }

  /** Records a failed call. It uses up the task's attempt in any case, so that a prompt whose calls always fail ends. */
  async failed(circuit: string, error: unknown, task: GatedTask): Promise<void> {
    if (!(error instanceof ProviderError) || !TROUBLE_CODES.includes(error.code)) return
    const { circuits, clock, log } = this.#dependencies
    const name = this.#nameOf(circuit)
    const now = clock.now()
    if (now - (this.#succeededAt.get(name) ?? Number.NEGATIVE_INFINITY) < RECENT_SUCCESS_MS) return
    const caller = callerOf(task)
    for (let left = MAX_TRIES; left > 0; left -= 1) {
      const known = this.#known.get(name)
      const next = afterFailure(known, error.code, caller, now)
      const isStored = await circuits
        .replace(name, known, next)
        .catch((cause) => this.#unanswered('note', cause))
      await this.refresh(0)
      if (isStored === undefined) return
      if (!isStored) continue
      if (next.until !== undefined && next.opens !== (known?.opens ?? 0))
        log('circuit.opened', {
          provider: name,
          code: next.code,
          open_ms: next.until - now,
          opens: next.opens,
        })
      return
    }
  }

  #nameOf(circuit: string): string {
    if (this.#known.size < MAX_CIRCUITS || this.#known.has(circuit)) return circuit
    return `${circuit.slice(0, circuit.indexOf(':'))}:other`
  }

  /** Without an answer of the table, calls are not stopped; this is logged. */
  #unanswered(what: string, cause: unknown): undefined {
    this.#dependencies.log('circuit.failed', { what, ...causeFields(cause) })
  }
}

/** An attempt whose time was over may have waited for a provider that was down. */
const FAILED_CODES: readonly string[] = [...TROUBLE_CODES, 'timeout']

function callerOf({ id, tenant, epoch, attempt, maxAttempts, history }: GatedTask): Caller {
  return {
    task: id,
    tenant,
    hasFailed: history.some((record) => record.epoch === epoch && FAILED_CODES.includes(record.outcome)),
    isLast: attempt >= maxAttempts && maxAttempts > 1,
  }
}

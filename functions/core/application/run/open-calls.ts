import { ConflictError, causeFields } from '../../domain/errors.ts'
import { MAX_OPEN_CALLS, noteCalls, type OpenCall } from '../../domain/open-call.ts'
import { badAnswer } from '../../domain/provider-failure.ts'
import type { Task } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type {
  BackgroundCalls,
  CallOutcome,
  GenerateOptions,
  ModelAnswer,
  ModelProvider,
  ModelProviders,
  ModelRequest,
} from '../../ports/model-provider.ts'
import type { StepScope } from '../../ports/step-scope.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { retryUnavailable } from '../shared/retry-unavailable.ts'
import { taskFields } from '../shared/task-fields.ts'

interface Dependencies {
  readonly store: TaskStore
  readonly providers: ModelProviders
  readonly stepScope: StepScope
  readonly clock: Clock
  readonly log: Log
}

interface Answer extends ModelAnswer {
  /** An earlier attempt has read the answer and recorded its usage. */
  readonly isBooked: boolean
}

/** How long the end of an attempt waits for the id of a call that has just begun, so that the call can be cancelled. */
const MAX_START_MS = 5_000

/** A call that the row listed when the attempt began, or that this attempt began. */
interface KnownCall extends OpenCall {
  /** This attempt has read its answer. */
  readonly isAnswered?: true
}

/**
 * The calls of one attempt that a provider runs in the background.
 *
 * A new call is made in three steps: start it at the provider, store its id on the row, wait. If the process stops between the
 * first two, which is the time of one write, the call is made and paid again; if it stops later, the next attempt resumes the
 * call. A call is identified by its step, its request and its number among equal requests of the attempt.
 */
export class OpenCalls {
  readonly #dependencies: Dependencies
  readonly #task: Task
  readonly #counts = new Map<string, number>()
  readonly #stepOf = new Map<string, string | undefined>()
  readonly #starting = new Set<Promise<unknown>>()
  #known: readonly KnownCall[]
  /** Whether the row lists calls. */
  #isListed: boolean
  #written: Promise<unknown> = Promise.resolve()

  constructor(dependencies: Dependencies, task: Task) {
    this.#dependencies = dependencies
    this.#task = task
    this.#known = task.calls ?? []
    this.#isListed = this.#known.length > 0
  }

  /** Identifies the call that is made now. Call it exactly once per call, because it counts equal requests. */
  keyOf(call: unknown): string {
    const { stepScope } = this.#dependencies
    const step = stepScope.current()
    const same = stepScope.fingerprint(JSON.stringify([step, call])).slice(0, 16)
    const nth = (this.#counts.get(same) ?? 0) + 1
    this.#counts.set(same, nth)
    const key = `${same}.${nth}`
    this.#stepOf.set(key, step)
    return key
  }

  /** The model of a call that an earlier attempt started. */
  modelOf(key: string): string | undefined {
    return this.#known.find((call) => call.key === key)?.model
  }

  /** Answers a request: in the background where the provider supports it, resuming a running call if there is one. */
  async answer(
    key: string,
    provider: ModelProvider,
    request: ModelRequest,
    options: GenerateOptions,
  ): Promise<Answer> {
    const { background } = provider
    if (!background?.takes(request))
      return { ...(await provider.generate(request, options)), isBooked: false }
    const open = this.#known.find((call) => call.key === key && call.model === request.model)
    if (open) {
      const outcome = await background.attach(open.id, options)
      this.#log('model.attached', open, { outcome: outcome.kind })
      if (outcome.kind !== 'gone') return this.#takeOutcome(open, provider, outcome)
      this.#forget(key)
    }
    const starting = background.start(request, options)
    this.#starting.add(starting)
    const started = await starting.finally(() => this.#starting.delete(starting))
    if (!started) return { ...(await provider.generate(request, options)), isBooked: false }
    const call = { key, id: started.id, model: request.model }
    await this.#keep(call, background)
    options.signal.throwIfAborted()
    return this.#takeOutcome(call, provider, await started.outcome())
  }

  /** The result of a step is stored, so its calls will not be made again. */
  stepKept(step: string): void {
    this.#known = this.#known.filter(({ key }) => this.#stepOf.get(key) !== step)
  }

  /**
   * The list of calls for the row when the attempt ends; undefined when the row needs no change. Answered calls are kept only
   * when the infrastructure failed the attempt: an author whose code failed on the answer needs another one.
   *
   * @param isEnd no attempt follows, so running calls are cancelled.
   */
  left(isOurFault: boolean, isEnd: boolean): readonly OpenCall[] | undefined {
    if (!this.#isListed) return undefined
    return this.#known
      .filter((call) => (call.isAnswered ? isOurFault : call.isBooked || !isEnd))
      .map(({ isAnswered, ...call }) => (isAnswered ? { ...call, isBooked: true as const } : call))
  }

  /** Cancels calls at the provider whose answer nobody will read: one call, or all. */
  async cancel(key?: string): Promise<void> {
    const { clock } = this.#dependencies
    if (key === undefined && this.#starting.size > 0)
      await Promise.race([Promise.allSettled(this.#starting), clock.sleep(MAX_START_MS)])
    const open = this.#known.filter(
      (call) => (key === undefined || call.key === key) && !call.isAnswered && !call.isBooked,
    )
    this.#known = this.#known.filter((call) => !open.includes(call))
    await cancelCalls(this.#dependencies, this.#task, open)
  }

  async #keep(call: KnownCall, background: BackgroundCalls): Promise<void> {
    const { store, clock, log } = this.#dependencies
    this.#known = [...this.#known, call].slice(-MAX_OPEN_CALLS)
    this.#isListed = true
    // Writes happen one after another with the complete list, so that a later write never removes a call.
    const write = this.#written.then(() =>
      retryUnavailable(clock, () =>
        store.change(
          this.#task,
          noteCalls(
            this.#task.token ?? '',
            this.#known.map(({ isAnswered: _, ...open }) => open),
          ),
        ),
      ),
    )
    this.#written = write.catch(() => undefined)
    const noted = await write.catch((error) => {
      // The call is running and paid for. Without its id on the row it only cannot be resumed.
      log('model.unnoted', { ...taskFields(this.#task), ...causeFields(error) })
      return undefined
    })
    if (noted === undefined || noted.changed) return
    // Another attempt owns the task and does not know this call.
    this.#forget(call.key)
    await background.cancel(call.id)
    throw new ConflictError(noted.task?.status === 'CANCELLED' ? 'cancelled' : 'lease_lost')
  }

  #takeOutcome(call: KnownCall, provider: ModelProvider, outcome: CallOutcome): Answer {
    if (outcome.kind === 'answered') {
      this.#known = this.#known.map((known) =>
        known.key === call.key ? { ...known, isAnswered: true } : known,
      )
      return { ...outcome.answer, isBooked: call.isBooked ?? false }
    }
    // Forget it, because resuming the same call would fail again.
    this.#forget(call.key)
    throw outcome.kind === 'failed' ? outcome.error : badAnswer(provider.name, 'the call is gone')
  }

  #forget(key: string): void {
    this.#known = this.#known.filter((call) => call.key !== key)
  }

  #log(event: string, { id, model }: OpenCall, fields: Readonly<Record<string, unknown>>): void {
    this.#dependencies.log(event, {
      ...taskFields(this.#task),
      call_id: id,
      model: model.slice(0, 100),
      ...fields,
    })
  }
}

/** Cancels calls at their providers. Never rejects. */
export async function cancelCalls(
  { providers, log }: Pick<Dependencies, 'providers' | 'log'>,
  task: Task,
  calls: readonly OpenCall[],
): Promise<void> {
  await Promise.all(
    calls.map(async ({ id, model }) => {
      try {
        const { background } = await providers.forModel(model)
        await background?.cancel(id)
        log('model.cancelled', { ...taskFields(task), call_id: id })
      } catch (error) {
        log('model.uncancelled', { ...taskFields(task), call_id: id, ...causeFields(error) })
      }
    }),
  )
}

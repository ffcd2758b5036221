import { LIMITS } from '../../../contract.ts'
import { TaskError } from '../../domain/errors.ts'
import { attemptsWithUnknownUsage } from '../../domain/history.ts'
import { findUnwritable } from '../../domain/json-value.ts'
import { type KeptStep, MAX_STEP_NAME, MAX_STEPS, markSteps, stepLifeOf } from '../../domain/step.ts'
import type { Task, Usage } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { StepScope } from '../../ports/step-scope.ts'
import type { StepStore } from '../../ports/step-store.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { retryUnavailable } from '../shared/retry-unavailable.ts'
import { taskFields } from '../shared/task-fields.ts'

export interface StepDependencies {
  readonly store: TaskStore
  readonly steps: StepStore
  readonly stepScope: StepScope
  readonly payloads: PayloadStore
  readonly retentionDays: number
  readonly clock: Clock
  readonly log: Log
}

export interface TaskSteps {
  readonly step: <Value>(
    name: string,
    run: () => Value | Promise<Value>,
    options?: { readonly inputs?: unknown },
  ) => Promise<Value>
  /** Stores a value under a name unless there is one. @returns the stored value, and whether this call stored it. */
  readonly once: (
    name: string,
    value: unknown,
  ) => Promise<{ readonly value: unknown; readonly isOwn: boolean }>
  /** The value that any attempt stored under a name with `once`; undefined when there is none. */
  readonly kept: (name: string) => Promise<unknown>
  /** The task's row with the epoch from which on checkpoints are valid. */
  readonly task: () => Task
}

/** Longer than any task can wait and be kept; the objects of large values are deleted by the bucket's lifecycle rule. */
const keptDays = (retentionDays: number): number => LIMITS.maxDelayDays + retentionDays

/**
 * The checkpoints of one attempt.
 *
 * Stored ones are read once, at the author's first step. A step writes, in this order: the mark on the row, the object of a large
 * value, the item. If the process stops before the item is written, the step runs again; afterwards never.
 */
export function openSteps(
  { store, steps, stepScope, payloads, retentionDays, clock, log }: StepDependencies,
  claimed: Task,
  token: string,
  signal: AbortSignal,
  addEarlierUsage: (usage: Usage) => void = () => undefined,
  stepKept: (step: string) => void = () => undefined,
): TaskSteps {
  let task = claimed
  let life = stepLifeOf(task)
  let kept: Promise<Map<string, KeptStep>> | undefined
  let marked: Promise<void> | undefined
  const running = new Map<string, Promise<unknown>>()

  const readKept = async () => {
    // Without the mark there are no checkpoints, because the mark is written first.
    const list = task.stepsSince === undefined ? [] : await steps.list(task, life)
    const lost = attemptsWithUnknownUsage(claimed)
    for (const { usage, epoch, attempt } of list)
      if (usage && lost.some((record) => record.epoch === epoch && record.attempt === attempt))
        addEarlierUsage(usage)
    return new Map(list.map((step) => [nameOf(step), step]))
  }
  const mark = async () => {
    if (task.stepsSince !== undefined) return
    const { changed } = await retryUnavailable(clock, () =>
      store.change(task, markSteps(token, claimed.epoch)),
    )
    // A refusal means that another attempt owns the task. The signal tells the author's code; the value is stored anyway.
    if (changed) task = { ...task, stepsSince: claimed.epoch }
    life = stepLifeOf(task)
  }
  const readValue = async <Value>({ value }: KeptStep): Promise<Value> =>
    (JSON.parse(await payloads.read(value)) as { value: Value }).value

  const perform = async <Value>(key: string, name: string, inputsHash: string, run: () => unknown) => {
    kept ??= readKept()
    const known = await kept
    const found = known.get(key)
    if (found) {
      log('step.reused', { ...taskFields(task), step: name })
      return readValue<Value>(found)
    }
    if (known.size >= MAX_STEPS)
      throw new TaskError(`The task has more than ${MAX_STEPS} steps.`, { code: 'too_many_steps' })
    signal.throwIfAborted()
    const startedAt = clock.now()
    const { value: given, usage } = await stepScope.measure(run, key)
    const json = writeValue(name, given)
    if (Buffer.byteLength(json) > LIMITS.resultBytes)
      throw new TaskError(`What step "${name}" gives is larger than ${LIMITS.resultBytes} bytes.`, {
        code: 'step_too_large',
      })
    marked ??= mark()
    await marked
    const part = `step-${stepScope.fingerprint(`${life} ${key}`).slice(0, 32)}-${token}`
    const value = await retryUnavailable(clock, () => payloads.keep(task, part, json))
    const step: KeptStep = {
      life,
      name,
      inputsHash,
      value,
      epoch: task.epoch,
      attempt: task.attempt,
      startedAt,
      endedAt: clock.now(),
      ...(usage ? { usage } : {}),
    }
    const stands = await retryUnavailable(clock, () => steps.keep(task, step, reapTime()))
    known.set(key, stands)
    stepKept(key)
    log('step.kept', { ...taskFields(task), step: name, step_ms: step.endedAt - startedAt })
    // Only after the value is stored, so that a result already paid for is not lost.
    signal.throwIfAborted()
    return readValue<Value>(stands)
  }

  let calls = 0
  const onceHash = stepScope.fingerprint('once')
  const reapTime = () => Math.floor(clock.now() / 1_000) + keptDays(retentionDays) * 86_400

  return {
    once: async (name, value) => {
      marked ??= mark()
      await marked
      // Unique per call, so that a write repeated after a lost answer recognises its own value.
      const by = `${token}.${++calls}`
      const now = clock.now()
      const step: KeptStep = {
        life,
        name,
        inputsHash: onceHash,
        value: { json: JSON.stringify({ value, by }) },
        epoch: task.epoch,
        attempt: task.attempt,
        startedAt: now,
        endedAt: now,
      }
      const stands = await retryUnavailable(clock, () => steps.keep(task, step, reapTime()))
      const found = JSON.parse(await payloads.read(stands.value)) as { value: unknown; by: string }
      return { value: found.value, isOwn: found.by === by }
    },
    kept: async (name) => {
      const list = await retryUnavailable(clock, () => steps.list(task, life))
      const found = list.find((step) => step.name === name && step.inputsHash === onceHash)
      return found && (JSON.parse(await payloads.read(found.value)) as { value: unknown }).value
    },
    task: () => task,
    step: <Value>(name: string, run: () => Value | Promise<Value>, { inputs }: { inputs?: unknown } = {}) => {
      if (name === '' || name.length > MAX_STEP_NAME)
        throw new TaskError(`A step's name has 1 to ${MAX_STEP_NAME} characters, not ${name.length}.`, {
          code: 'invalid_step',
        })
      const inputsHash = stepScope.fingerprint(JSON.stringify(inputs) ?? '')
      const key = nameOf({ name, inputsHash })
      const under = running.get(key)
      if (under) return under as Promise<Value>
      const promise = perform<Value>(key, name, inputsHash, run).finally(() => running.delete(key))
      running.set(key, promise)
      return promise
    },
  }
}

/** @throws TaskError `invalid_output`, never retried: a later attempt would read another value than the step returned. */
function writeValue(step: string, given: unknown): string {
  const invalid = (what: string, cause?: unknown) =>
    new TaskError(`Step "${step}" gives what JSON cannot hold: ${what}.`, { code: 'invalid_output', cause })
  try {
    const wrong = given === undefined ? undefined : findUnwritable(given)
    if (!wrong) return JSON.stringify({ value: given })
    throw invalid(`${wrong.path || 'the value'} ${wrong.reason}`)
  } catch (cause) {
    throw cause instanceof TaskError ? cause : invalid('it cannot be written', cause)
  }
}

const nameOf = ({ name, inputsHash }: Pick<KeptStep, 'name' | 'inputsHash'>) => `${name} ${inputsHash}`

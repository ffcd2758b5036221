import { MissingError } from '../../domain/errors.ts'
import { type KeptStep, stepLifeOf } from '../../domain/step.ts'
import { isFinal, type Payload, type Task, type TaskKey } from '../../domain/task.ts'
import { isSameText, type Position, type TextPiece } from '../../domain/text-piece.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { StepStore } from '../../ports/step-store.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import type { TextStream } from '../../ports/text-stream.ts'
import { getTask } from './get-task.ts'

export interface WatchDependencies {
  readonly store: TaskStore
  readonly text: TextStream
  readonly steps: Pick<StepStore, 'list'>
  readonly payloads: Pick<PayloadStore, 'read'>
  readonly clock: Clock
}

/** An event, and the client's position after it. */
export type TaskEvent = { readonly position: Position } & (
  | { readonly kind: 'status'; readonly task: Task }
  | { readonly kind: 'progress'; readonly task: Task }
  | { readonly kind: 'step'; readonly step: KeptStep }
  | { readonly kind: 'text'; readonly piece: TextPiece }
  | { readonly kind: 'end'; readonly task: Task; readonly steps: readonly KeptStep[] }
  /** No event for some time. */
  | { readonly kind: 'quiet' }
)

/** How long a mark makes the worker stream; the worker reads it every two seconds. Written again every 8 s. */
const WATCH_MARK_MS = 20_000
const WATCH_MARK_INTERVAL_MS = 8_000
const FIRST_LOOK_MS = 250
const RUNNING_LOOK_MS = 1_000
const WAITING_LOOK_MS = 2_000
/** Checkpoints are read all together, at most this often. */
const STEPS_MS = 2_000
const QUIET_MS = 15_000
/** A function is not notified of a closed connection; it checks this often whether the client has reconnected elsewhere. */
const HELD_LOOK_MS = 5_000
/** A longer text is not sent in an event; it is read from `GET /tasks/{id}/result`. */
const MAX_TEXT_BYTES = 5_500_000

/** Whether a client at this position has received the end of the task. */
export const hasReceivedEnd = (task: Task, { epoch, updatedAt }: Position): boolean =>
  isFinal(task.status) && epoch === task.epoch && updatedAt >= changedAt(task)

interface WatchState {
  readonly until: number
  readonly isHeld?: (() => Promise<boolean>) | undefined
}

/**
 * Yields the events of a task from a position until its end or until the time is over. All state is in the position and the
 * table, so that another function can continue after a disconnect at any later time.
 *
 * @param watching `until`, milliseconds since 1970: with a time that has passed, existing events are yielded once and the worker
 * does not start to stream. `isHeld`: false when the client has reconnected elsewhere and no longer reads this answer.
 * @throws RequestError `not_found`.
 */
export async function* watchTask(
  dependencies: WatchDependencies,
  key: TaskKey,
  from: Position,
  { until, isHeld }: WatchState,
): AsyncGenerator<TaskEvent> {
  const { store, clock } = dependencies
  const watcher = new Watcher(dependencies, from)
  let markAt = 0
  let lookMs = FIRST_LOOK_MS
  let toldAt = clock.now()
  let heldAt = clock.now()
  for (;;) {
    const task = await getTask({ store }, key)
    const now = clock.now()
    if (isHeld && now - heldAt >= HELD_LOOK_MS) {
      if (!(await isHeld())) return
      heldAt = now
    }
    if (!isFinal(task.status) && now >= markAt && now < until) {
      await store.markWatched(key, now + WATCH_MARK_MS)
      markAt = now + WATCH_MARK_INTERVAL_MS
    }
    let isNew = false
    for await (const event of watcher.look(task)) {
      isNew = true
      toldAt = clock.now()
      yield event
      if (event.kind === 'end') return
    }
    if (clock.now() - toldAt >= QUIET_MS) {
      toldAt = clock.now()
      yield { kind: 'quiet', position: watcher.position }
    }
    const longest = task.status === 'PROCESSING' ? RUNNING_LOOK_MS : WAITING_LOOK_MS
    lookMs = isNew ? FIRST_LOOK_MS : Math.min(longest, lookMs * 1.5)
    if (clock.now() + lookMs > until) return
    await clock.sleep(lookMs)
  }
}

class Watcher {
  position: Position
  readonly #dependencies: WatchDependencies
  #shown: Task | undefined
  #stepsAt = 0

  constructor(dependencies: WatchDependencies, from: Position) {
    this.#dependencies = dependencies
    this.position = from
  }

  async *look(task: Task): AsyncGenerator<TaskEvent> {
    const isOver = isFinal(task.status)
    const updatedAt = changedAt(task)
    // Only the end event itself moves the position to the end, so that a client disconnected before it receives it later.
    const seenAt = isOver ? updatedAt - 1 : updatedAt
    const shown = this.#shown
    const isKnown = shown === undefined && this.position.updatedAt >= updatedAt - (isOver ? 1 : 0)
    if (!isKnown && (shown === undefined || stateOf(shown) !== stateOf(task)))
      yield this.#tell({ kind: 'status', task }, { updatedAt: seenAt })
    if (!isKnown && !isOver && task.progress && toText(shown?.progress) !== toText(task.progress))
      yield this.#tell({ kind: 'progress', task }, { updatedAt: seenAt })
    this.#shown = task
    const steps = await this.#readSteps(task, isOver)
    for (const [index, step] of steps.entries())
      if (index >= this.position.steps) yield this.#tell({ kind: 'step', step }, { steps: index + 1 })
    if (task.attempt > 0)
      for (const piece of await this.#readText(task)) {
        const { text, offset, ...of } = piece
        yield this.#tell({ kind: 'text', piece }, { ...of, offset: offset + text.length })
      }
    if (isOver) yield this.#tell({ kind: 'end', task, steps }, { epoch: task.epoch, updatedAt })
  }

  #tell<Event extends object>(event: Event, moved: Partial<Position>): Event & { position: Position } {
    this.position = { ...this.position, ...moved }
    return { ...event, position: this.position }
  }

  async #readSteps(task: Task, isOver: boolean): Promise<readonly KeptStep[]> {
    const { steps, clock } = this.#dependencies
    if (task.stepsSince === undefined || (!isOver && clock.now() - this.#stepsAt < STEPS_MS)) return []
    this.#stepsAt = clock.now()
    return steps.list(task, stepLifeOf(task))
  }

  /** New pieces of the latest text; after the end of a task whose result is a text, all of the rest. */
  async #readText(task: Task): Promise<readonly TextPiece[]> {
    const pieces = await this.#dependencies.text.read(task, this.position)
    const latest = pieces.at(-1)
    const fresh = latest
      ? pieces.filter(
          (piece) =>
            isSameText(piece, latest) &&
            (!isSameText(piece, this.position) || piece.offset >= this.position.offset),
        )
      : []
    if (task.status !== 'COMPLETED' || !task.result) return fresh
    const result = await this.#resultText(task.result)
    if (result === undefined) return fresh
    const last = fresh.at(-1)
    const stands = last ? { ...last, offset: last.offset + last.text.length } : this.position
    const isOfThisAttempt = stands.epoch === task.epoch && stands.attempt === task.attempt
    const { epoch, attempt } = task
    const offset = isOfThisAttempt ? stands.offset : 0
    const rest = {
      epoch,
      attempt,
      take: isOfThisAttempt ? stands.take : 0,
      offset,
      text: result.slice(offset),
    }
    return rest.text === '' ? fresh : [...fresh, rest]
  }

  async #resultText(result: Payload): Promise<string | undefined> {
    if ('bytes' in result && result.bytes > MAX_TEXT_BYTES) return undefined
    try {
      const value: unknown = JSON.parse(await this.#dependencies.payloads.read(result))
      return typeof value === 'string' ? value : undefined
    } catch (error) {
      // The result was deleted by hand: the end event has no text.
      if (error instanceof MissingError) return undefined
      throw error
    }
  }
}

const changedAt = ({ updatedAt, createdAt }: Task): number => updatedAt ?? createdAt
const stateOf = ({ status, epoch, attempt }: Task): string => `${status} ${epoch} ${attempt}`
const toText = (progress: Task['progress']): string => JSON.stringify(progress ?? null)

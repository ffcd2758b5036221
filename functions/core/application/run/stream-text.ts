import { causeFields } from '../../domain/errors.ts'
import type { Task } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { TextStream } from '../../ports/text-stream.ts'
import { taskFields } from '../shared/task-fields.ts'

interface Dependencies {
  readonly text: TextStream
  readonly clock: Clock
  readonly log: Log
}

/** At most two writes a second of one task. */
const WRITE_MS = 500
/** A write unit is 1 kB; an item may have 400, and a character up to four bytes. */
const PIECE_CHARACTERS = 64_000
/** Who comes back within a day finds what was missed; then the result is all there is. */
const KEPT_SECONDS = 86_400

/**
 * The text an attempt gives while it runs. Kept in memory as a whole; written only while somebody watches, so that
 * nobody pays for what nobody sees, and then with all that came before.
 *
 * A write that fails costs watchers a moment and the attempt nothing: the next one begins where the last good one ended.
 */
export class StreamedText {
  readonly #dependencies: Dependencies
  readonly #task: Task
  readonly #stopped = new AbortController()
  #text = ''
  #take = 0
  #written = 0
  #watchedUntil = 0
  #writtenAt = 0
  #writing: Promise<void> | undefined

  constructor(dependencies: Dependencies, task: Task) {
    this.#dependencies = dependencies
    this.#task = task
  }

  /** For authors; see the kit's `TaskContext.stream`. */
  readonly author = {
    write: (text: string): void => {
      this.#text += String(text)
      this.#begin()
    },
    restart: (): void => {
      if (this.#text === '') return
      this.#text = ''
      this.#written = 0
      this.#take += 1
    },
  }

  /** Somebody watches until then. */
  watch(until: number): void {
    this.#watchedUntil = Math.max(this.#watchedUntil, until)
    this.#begin()
  }

  /** Writes what is left for those who watch. No text comes after it. */
  async end(): Promise<void> {
    this.#stopped.abort()
    await this.#writing
    while (this.#isWatched && this.#written < this.#text.length) if (!(await this.#write(true))) return
  }

  get #isWatched(): boolean {
    return this.#watchedUntil > this.#dependencies.clock.now()
  }

  #begin(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  async #writeAll(): Promise<void> {
    const { clock } = this.#dependencies
    while (this.#isWatched && this.#written < this.#text.length && !this.#stopped.signal.aborted) {
      await clock.sleep(Math.max(0, this.#writtenAt + WRITE_MS - clock.now()), this.#stopped.signal)
      if (!this.#stopped.signal.aborted) await this.#write(false)
    }
  }

  /** @returns whether it landed. */
  async #write(isLast: boolean): Promise<boolean> {
    const { text: stream, clock, log } = this.#dependencies
    const take = this.#take
    const offset = this.#written
    const text = wholeCharacters(this.#text.slice(offset, offset + PIECE_CHARACTERS), isLast)
    this.#writtenAt = clock.now()
    if (text === '') return false
    const { epoch, attempt } = this.#task
    const reapAt = Math.floor(clock.now() / 1_000) + KEPT_SECONDS
    try {
      await stream.append(this.#task, { epoch, attempt, take, offset, text }, reapAt)
    } catch (error) {
      log('text.failed', { ...taskFields(this.#task), ...causeFields(error) })
      return false
    }
    if (take === this.#take) this.#written = offset + text.length
    return true
  }
}

/** Half of a character waits for its other half. */
function wholeCharacters(text: string, isLast: boolean): string {
  const last = text.charCodeAt(text.length - 1)
  return !isLast && last >= 0xd800 && last < 0xdc00 ? text.slice(0, -1) : text
}

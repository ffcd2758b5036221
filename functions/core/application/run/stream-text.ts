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

/** At most two writes per second and task. */
const WRITE_MS = 500
/** A write unit is 1 kB. An item may have 400 kB, and a character up to four bytes. */
const PIECE_CHARACTERS = 64_000
/** A client that reconnects within a day receives the missed text; after that, only the result is left. */
const KEPT_SECONDS = 86_400

/**
 * The text that an attempt produces while it runs. All of it is kept in memory; it is written to the table only while a client
 * watches, beginning with the text so far, so that unwatched tasks cost no writes.
 *
 * A failed write delays the text and does not affect the attempt: the next write starts after the last successful one.
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

  /** The functions for authors; see `TaskContext.stream` in the kit. */
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

  /** A client watches until this time. */
  watch(until: number): void {
    this.#watchedUntil = Math.max(this.#watchedUntil, until)
    this.#begin()
  }

  /** Writes the remaining text for watching clients. No text can follow. */
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

  /** @returns whether the write succeeded. */
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

/** Keeps half a surrogate pair back until its other half arrives; replaces one that has none, as the result does. */
function wholeCharacters(text: string, isLast: boolean): string {
  const last = text.charCodeAt(text.length - 1)
  return (!isLast && last >= 0xd800 && last < 0xdc00 ? text.slice(0, -1) : text).toWellFormed()
}

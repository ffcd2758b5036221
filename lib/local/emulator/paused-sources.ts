import { replaceFile } from './replace-file.ts'
import { readStateFile } from './state-file.ts'

/** The event sources that are off, stored because Lambda keeps that state too. */
export class PausedSources {
  readonly ids = new Set<string>()
  readonly #path: string
  readonly #warn: (text: string) => void
  #writing = Promise.resolve()

  constructor(path: string, warn: (text: string) => void) {
    this.#path = path
    this.#warn = warn
  }

  async load(): Promise<void> {
    try {
      const ids: unknown = JSON.parse((await readStateFile(this.#path)) ?? '[]')
      if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string')) throw new Error('no list of ids')
      for (const id of ids) this.ids.add(id)
    } catch {
      this.#warn(`${this.#path} cannot be read: all lanes are on. Pause again those that should not be.`)
    }
  }

  /** Writes happen one after another, each completely or not at all. */
  note(id: string, isOn: boolean): void {
    if (isOn) this.ids.delete(id)
    else this.ids.add(id)
    const text = JSON.stringify([...this.ids])
    this.#writing = this.#writing
      .then(() => replaceFile(this.#path, text))
      .catch((cause: Error) => this.#warn(`What is paused will be forgotten: ${cause.message}`))
  }
}

import { readFile } from 'node:fs/promises'
import { replaceFile } from './replace-file.ts'

/** Which event sources are off: Lambda remembers that, so a restart must too. */
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
    const text = await readFile(this.#path, 'utf8').catch(() => '[]')
    try {
      for (const id of JSON.parse(text) as string[]) this.ids.add(String(id))
    } catch {
      this.#warn(`${this.#path} cannot be read: all lanes are on. Pause again those that should not be.`)
    }
  }

  /** One write after the other, each whole or not at all. */
  note(id: string, isOn: boolean): void {
    if (isOn) this.ids.delete(id)
    else this.ids.add(id)
    const text = JSON.stringify([...this.ids])
    this.#writing = this.#writing
      .then(() => replaceFile(this.#path, text))
      .catch((cause: Error) => this.#warn(`What is paused will be forgotten: ${cause.message}`))
  }
}

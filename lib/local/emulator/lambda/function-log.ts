import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs'
import { stat, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'

const KEEP_BYTES = 20 * 1024 * 1024

/** One function's log: its lines, and one report per invocation, as JSON lines in one file. */
export class FunctionLog {
  readonly path: string
  #stream: WriteStream
  readonly #onLine: (line: string) => void

  constructor(path: string, onLine: (line: string) => void = () => undefined) {
    this.path = path
    this.#onLine = onLine
    mkdirSync(dirname(path), { recursive: true })
    this.#stream = this.#open()
  }

  write(line: string): void {
    // A full disk destroys the stream; once there is space again, a new stream continues.
    if (this.#stream.destroyed) this.#stream = this.#open()
    this.#stream.write(`${line}\n`)
    this.#onLine(line)
  }

  #open(): WriteStream {
    return createWriteStream(this.path, { flags: 'a', mode: 0o600 }).on('error', () => undefined)
  }

  report(requestId: string, { durationMs, environment }: { durationMs: number; environment: string }): void {
    const record = { requestId, environment, metrics: { durationMs: Math.round(durationMs * 100) / 100 } }
    this.write(JSON.stringify({ time: new Date().toISOString(), type: 'platform.report', record }))
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#stream.end(() => resolve()))
  }
}

export async function deleteLargeLog(path: string): Promise<void> {
  const { size } = await stat(path).catch(() => ({ size: 0 }))
  if (size > KEEP_BYTES) await truncate(path)
}

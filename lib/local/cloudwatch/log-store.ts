import { open, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'

export interface LogEntry {
  /** Increases with every line of a run. */
  readonly sequence: number
  /** Readable name of the function. */
  readonly from: string
  readonly at: number
  /** The parsed line, if it is JSON. */
  readonly json: Readonly<Record<string, unknown>> | undefined
  readonly text: string
  /** A readable form: event and `key=value`. */
  readonly summary: string
  /** Level WARN or worse. */
  readonly isError: boolean
}

export interface LogSearch {
  readonly from?: string | undefined
  /** Words that must all occur in the line or its summary, in any case. */
  readonly text?: string | undefined
  readonly isError?: boolean
  readonly after?: number | undefined
  readonly limit: number
}

const MAX_LINES = 20_000
/** Limited by size too, because a function may write a line of 256 kB. */
const MAX_CHARACTERS = 32 * 1024 * 1024
/** Bytes read from each file at a start. */
const TAIL_BYTES = 512 * 1024

/** A stored line. The parsed object would need three times the memory of its text, so it is parsed again when needed. */
type StoredEntry = Omit<LogEntry, 'json'> & { readonly isPlatform: boolean }

/** The latest lines of all functions, in memory: for search, the log page and Logs Insights. */
export class LogStore {
  #entries: StoredEntry[] = []
  #characters = 0
  #sequence = 0

  add(from: string, line: string, json = toJson(line)): LogEntry {
    this.#sequence += 1
    const entry = {
      sequence: this.#sequence,
      from,
      at: timeOf(json) ?? Date.now(),
      text: line,
      summary: summaryOf(json) ?? line,
      isError: /^(WARN|ERROR|FATAL)$/.test(String(json?.level)),
      // Written by Lambda for each invocation, not by the function's code.
      isPlatform: String(json?.type).startsWith('platform.'),
    }
    this.#entries.push(entry)
    this.#characters += sizeOf(entry)
    // Removes many lines at a time, because removing the first one copies all others.
    if (this.#entries.length > MAX_LINES * 1.2 || this.#characters > MAX_CHARACTERS * 1.2) this.#forget()
    return { ...entry, json }
  }

  #forget(): void {
    this.#entries = this.#entries.slice(-MAX_LINES)
    this.#characters = this.#entries.reduce((sum, entry) => sum + sizeOf(entry), 0)
    let dropped = 0
    for (; this.#characters > MAX_CHARACTERS; dropped += 1)
      this.#characters -= sizeOf(this.#entries[dropped] as StoredEntry)
    this.#entries = this.#entries.slice(dropped)
  }

  /** Reads the ends of earlier runs' log files. */
  async load(folder: string): Promise<void> {
    const names = await readdir(folder).catch(() => [])
    const lines = await Promise.all(
      names
        .filter((name) => name.endsWith('.log'))
        .map(async (name) =>
          (await tailOf(join(folder, name)).catch(() => [])).map((line) => ({
            from: basename(name, '.log'),
            line,
          })),
        ),
    )
    const all = lines.flat().map((item) => {
      const json = toJson(item.line)
      return { ...item, json, at: timeOf(json) ?? 0 }
    })
    for (const { from, line, json } of all.sort((left, right) => left.at - right.at))
      this.add(from, line, json)
  }

  /** Newest last. */
  find({ from, text = '', isError, after = 0, limit }: LogSearch): readonly Omit<LogEntry, 'json'>[] {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean)
    const found: StoredEntry[] = []
    for (let index = this.#entries.length - 1; index >= 0 && found.length < limit; index -= 1) {
      const entry = this.#entries[index] as StoredEntry
      if (entry.sequence <= after) break
      if (from && entry.from !== from) continue
      if (isError && !entry.isError) continue
      if (entry.isPlatform) continue
      const all = words.length > 0 ? `${entry.text}\n${entry.summary}`.toLowerCase() : ''
      if (words.every((word) => all.includes(word))) found.push(entry)
    }
    return found.reverse()
  }

  /** Lines of these functions since a time. */
  *since(names: ReadonlySet<string>, from: number): Iterable<LogEntry> {
    for (const entry of this.#entries)
      if (names.has(entry.from) && entry.at >= from) yield { ...entry, json: toJson(entry.text) }
  }
}

const sizeOf = ({ text, summary }: StoredEntry): number =>
  text.length + (summary === text ? 0 : summary.length)

function toJson(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
}

function summaryOf(json: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const { message, type } = json ?? {}
  if (message === null || typeof message !== 'object') return typeof type === 'string' ? type : undefined
  const {
    event,
    trace_id,
    tenant,
    stack,
    message: words,
    ...facts
  } = message as Readonly<Record<string, unknown>>
  const shown = Object.entries(facts).filter(([, value]) => typeof value !== 'object')
  // Important fields first; ids of other systems last.
  return [
    event,
    words,
    ...shown.map(([key, value]) => `${key}=${value}`),
    ...(trace_id === undefined ? [] : [`trace_id=${trace_id}`]),
  ]
    .filter((part) => part !== undefined)
    .join(' ')
}

function timeOf(json: Readonly<Record<string, unknown>> | undefined): number | undefined {
  const at = Date.parse(String(json?.timestamp ?? json?.time))
  return Number.isNaN(at) ? undefined : at
}

async function tailOf(path: string): Promise<string[]> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const start = Math.max(0, size - TAIL_BYTES)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
    const lines = buffer.subarray(0, bytesRead).toString('utf8').split('\n')
    return lines.slice(start > 0 ? 1 : 0).filter((line) => line !== '')
  } finally {
    await file.close()
  }
}

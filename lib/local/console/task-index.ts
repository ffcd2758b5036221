import type { LogEntry } from '../cloudwatch/log-store.ts'

/** A row of the list: a task as the API lists it. */
export interface TaskRow {
  readonly id: string
  readonly type: string
  readonly status: string
  readonly lane: string
  readonly priority: number
  readonly model: string | null
  readonly prompt: string | null
  readonly input: unknown
  readonly error: { readonly code: string; readonly message: string } | null
  readonly progress: { readonly percent: number; readonly message: string } | null
  readonly attempts: number
  readonly max_attempts: number
  readonly usage: { readonly cost_usd: number | null; readonly provider: string } | null
  readonly tags: readonly string[]
  readonly created_at: string
  readonly started_at: string | null
  readonly finished_at: string | null
  readonly run_at: string | null
}

export interface TaskQuery {
  readonly status: readonly string[]
  readonly type?: string | undefined
  readonly lane?: string | undefined
  readonly model?: string | undefined
  readonly tag?: string | undefined
  /** Words that must all occur in id, prompt, input, error or tags. */
  readonly text?: string | undefined
  /** Milliseconds since 1970. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly sort: string
  readonly isDescending: boolean
  readonly limit: number
}

/** Calls the API with a path. */
export type CallApi = <Answer>(path: string) => Promise<Answer>

interface Page {
  readonly tasks: readonly TaskRow[]
  readonly next_cursor: string | null
}

/** Older tasks are found by their id, and by the API's own list. */
const MAX_TASKS = 20_000
const PAGE = 100
/** Most tasks that are read one by one at the next read. */
const MAX_SINGLE_READS = 1_000
const SHOWN_CHARACTERS = 300
/** How many rows of a page are read again each time, and how many concurrently. */
const ROWS_REFRESHED = 40
const CONCURRENCY = 8

const FINAL = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'EXPIRED'])

/** The status of a task after a log event. */
const STATUS_AFTER: Readonly<Record<string, string>> = {
  'task.claimed': 'PROCESSING',
  'task.retrying': 'RETRYING',
  'task.parked': 'RETRYING',
  'task.completed': 'COMPLETED',
  'task.failed': 'FAILED',
  'task.crashed': 'FAILED',
  'task.cancelled': 'CANCELLED',
  'task.expired': 'EXPIRED',
  'task.restarted': 'PENDING',
}

/**
 * The tasks of the stage in memory, for features that the API's list lacks: several statuses, words, sorting, a count. Read
 * once through the API, then updated from the log lines about tasks; the rows of a shown page are read again.
 */
export class TaskIndex {
  readonly #ask: CallApi
  readonly #rows = new Map<string, TaskRow>()
  readonly #words = new Map<string, string>()
  /** Rows that a log line has mentioned and that have not been read again since. */
  readonly #told = new Set<string>()
  /** Tasks that a log line has mentioned and that no page of the API's list has contained yet. */
  readonly #unseen = new Set<string>()
  #loading: Promise<void> | undefined
  #isStale = true

  constructor(ask: CallApi) {
    this.#ask = ask
  }

  /** Called for every log line of a function. */
  heard({ json }: LogEntry): void {
    const fields = json?.message as Readonly<Record<string, unknown>> | undefined
    if (typeof fields?.task_id !== 'string' || typeof fields.event !== 'string') return
    const row = this.#rows.get(fields.task_id)
    const status = STATUS_AFTER[fields.event]
    if (!row) {
      if (fields.event !== 'task.submitted' && !status) return
      this.#isStale = true
      this.#note(fields.task_id)
      return
    }
    if (!status) return
    this.#told.add(row.id)
    const isEnd = FINAL.has(status)
    const code = typeof fields.code === 'string' ? fields.code : undefined
    const message = typeof fields.message === 'string' ? fields.message : ''
    this.#keep({
      ...row,
      status,
      attempts: typeof fields.attempt === 'number' ? fields.attempt : row.attempts,
      error: code ? { code, message } : status === 'COMPLETED' || status === 'PENDING' ? null : row.error,
      finished_at: isEnd ? new Date().toISOString() : null,
    })
  }

  /** Before the first read nothing is stored; when nobody looks at the console, only the latest ids are kept. */
  #note(id: string): void {
    if (this.#rows.size === 0 && !this.#loading) return
    this.#unseen.add(id)
    for (const oldest of this.#unseen) {
      if (this.#unseen.size <= MAX_SINGLE_READS) break
      this.#unseen.delete(oldest)
    }
  }

  /** @returns rows of one page, the number of matching tasks, and their number by status. */
  async find(question: TaskQuery) {
    await this.#load()
    const fits = [...this.#rows.values()].filter((row) => this.#fits(row, { ...question, status: [] }))
    const counts: Record<string, number> = {}
    for (const { status } of fits) counts[status] = (counts[status] ?? 0) + 1
    const found =
      question.status.length > 0 ? fits.filter(({ status }) => question.status.includes(status)) : fits
    const sorted = sort(found, question)
    const page = await this.#fresh(sorted.slice(0, question.limit))
    return { rows: page, total: found.length, counts, known: this.#rows.size, kept: MAX_TASKS }
  }

  /** Ids of all matching tasks, for an action on many. */
  async ids(question: TaskQuery): Promise<readonly string[]> {
    await this.#load()
    return [...this.#rows.values()].filter((row) => this.#fits(row, question)).map(({ id }) => id)
  }

  /** The values to filter by, and the number of tasks by lane and status. */
  async facets() {
    await this.#load()
    const rows = [...this.#rows.values()]
    const values = (of: (row: TaskRow) => readonly (string | null)[]) =>
      [...new Set(rows.flatMap((row) => of(row)))].filter((value) => value !== null).sort()
    const lanes: Record<string, Record<string, number>> = {}
    for (const { lane, status } of rows) {
      lanes[lane] ??= {}
      const own = lanes[lane]
      own[status] = (own[status] ?? 0) + 1
    }
    return {
      types: values(({ type }) => [type]),
      models: values(({ model }) => [model]),
      tags: values(({ tags }) => tags).slice(0, 200),
      lanes,
    }
  }

  #fits(row: TaskRow, { status, type, lane, model, tag, text, since, until }: TaskQuery): boolean {
    if (status.length > 0 && !status.includes(row.status)) return false
    if (type && row.type !== type) return false
    if (lane && row.lane !== lane) return false
    if (model && row.model !== model) return false
    if (tag && !row.tags.includes(tag)) return false
    const at = since === undefined && until === undefined ? 0 : Date.parse(row.created_at)
    if (since !== undefined && at < since) return false
    if (until !== undefined && at > until) return false
    const words = text?.toLowerCase().split(/\s+/).filter(Boolean) ?? []
    const all = words.length > 0 ? (this.#words.get(row.id) ?? '') : ''
    return words.every((word) => all.includes(word))
  }

  #keep(row: TaskRow): void {
    const prompt = row.prompt ?? inputInWords(row.input)
    // A search looks at the first 2,000 characters of a prompt; a row shows fewer.
    const { error, tags } = row
    const words = [row.id, prompt.slice(0, 2_000), error?.code, error?.message, row.type, ...tags].join('\n')
    this.#words.set(row.id, words.toLowerCase())
    const { id, type, status, lane, priority, model, progress, attempts, max_attempts, usage } = row
    const { created_at, started_at, finished_at, run_at } = row
    this.#rows.set(id, {
      ...{ id, type, status, lane, priority, model, error, progress, attempts, max_attempts, usage, tags },
      ...{ created_at, started_at, finished_at, run_at },
      prompt: prompt.slice(0, SHOWN_CHARACTERS),
      input: null,
    })
  }

  /** Reads everything the first time; later only tasks newer than the known ones. */
  #load(): Promise<void> {
    if (!this.#isStale) return this.#loading ?? Promise.resolve()
    this.#loading ??= this.#pull().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #pull(): Promise<void> {
    this.#isStale = false
    const isFirst = this.#rows.size === 0
    const pulled: TaskRow[] = []
    let cursor: string | null = null
    try {
      do {
        const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
        const page: Page = await this.#ask<Page>(`/tasks?limit=${PAGE}${after}`)
        const known = page.tasks.findIndex(({ id }) => this.#rows.has(id))
        pulled.push(...(isFirst || known < 0 ? page.tasks : page.tasks.slice(0, known)))
        cursor = !isFirst && known >= 0 ? null : page.next_cursor
      } while (cursor !== null && pulled.length < MAX_TASKS)
    } catch (cause) {
      this.#isStale = true
      if (isFirst) throw cause
    }
    for (const row of pulled.reverse()) this.#keep(row)
    // Of two concurrent submits, the older task may be written last and so be behind an already known one.
    const behind = [...this.#unseen].filter((id) => !this.#rows.has(id))
    this.#unseen.clear()
    if (!isFirst) await this.#askFor(behind)
    for (const id of this.#rows.keys()) {
      if (this.#rows.size <= MAX_TASKS) break
      this.#rows.delete(id)
      this.#words.delete(id)
    }
  }

  /** Rows that may have changed, with their present state; deleted ones are left out. */
  async #fresh(rows: readonly TaskRow[]): Promise<readonly TaskRow[]> {
    // Progress is the only change without a log line.
    const moving = rows.filter(({ id, status }) => status === 'PROCESSING' || this.#told.has(id))
    await this.#askFor(moving.slice(0, ROWS_REFRESHED).map(({ id }) => id))
    return rows.map(({ id }) => this.#rows.get(id)).filter((row) => row !== undefined)
  }

  async #askFor(ids: readonly string[]): Promise<void> {
    const pending = [...ids]
    const work = async () => {
      for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
        this.#told.delete(id)
        const found = await this.#ask<TaskRow>(`/tasks/${id}`).catch(() => undefined)
        if (found) this.#keep(found)
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, work))
  }
}

const SORT_KEYS: Readonly<Record<string, (row: TaskRow) => number | string>> = {
  created: ({ created_at }) => created_at,
  status: ({ status }) => status,
  type: ({ type }) => type,
  lane: ({ lane }) => lane,
  model: ({ model }) => model ?? '',
  attempts: ({ attempts }) => attempts,
  cost: ({ usage }) => usage?.cost_usd ?? -1,
  duration: ({ started_at, finished_at }) =>
    started_at === null
      ? -1
      : (finished_at === null ? Date.now() : Date.parse(finished_at)) - Date.parse(started_at),
}

function sort(rows: readonly TaskRow[], { sort: by, isDescending }: TaskQuery): readonly TaskRow[] {
  const key = SORT_KEYS[by] ?? SORT_KEYS.created
  if (!key) return rows
  const sign = isDescending ? -1 : 1
  // For equal keys by age, newest first.
  return rows
    .map((row, index) => ({ row, index, key: key(row) }))
    .sort((left, right) =>
      left.key < right.key ? -sign : left.key > right.key ? sign : right.index - left.index,
    )
    .map(({ row }) => row)
}

/** `name: A long one, seconds: 120`; empty values are left out. */
function inputInWords(input: unknown): string {
  if (input === null || input === undefined) return ''
  if (typeof input !== 'object' || Array.isArray(input)) return JSON.stringify(input)
  const lastMessage = 'messages' in input ? lastSaid(input.messages) : ''
  if (lastMessage !== '') return lastMessage
  return Object.entries(input)
    .filter(([, value]) => value !== null && value !== '' && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
}

/** @returns the last message of a conversation; '' for anything else. */
function lastSaid(messages: unknown): string {
  const { content } = (Array.isArray(messages) && (messages.at(-1) as { content?: unknown } | null)) || {}
  const parts: readonly unknown[] = Array.isArray(content) ? content : [content]
  return parts
    .map((part) => (typeof part === 'object' ? (part as { text?: unknown } | null)?.text : part))
    .filter((text) => typeof text === 'string')
    .join(' ')
}

/** One line per event of a task, for the terminal of `npm start` and `npm run dev`. */
import {
  costText,
  durationText,
  oneLine,
  type Paint,
  type Style,
  withoutControls,
  withoutStyle,
} from '../cli/screen.ts'

type Fields = Readonly<Record<string, unknown>>

interface LogLine {
  readonly timestamp?: string
  readonly level?: string
  readonly message?: unknown
  readonly errorType?: string
}

/** Facts about a running task from earlier lines; after a restart only a cost may be missing. */
interface LastLine {
  costUsd: number | undefined
  tokens: number
  models: Set<string>
}

const MAX_TRACKED_TASKS = 5_000

/** Converts the functions' log lines into lines for the terminal. */
export class TaskLines {
  readonly #paint: Paint
  readonly #seen = new Map<string, LastLine>()

  constructor(paint: Paint = withoutStyle) {
    this.#paint = paint
  }

  /** @returns lines to print; none for a line that is not about a task. */
  read(functionName: string, line: string): readonly string[] {
    const json = parse(line)
    // Output of an author's code that bypasses the console; Lambda logs it as well.
    if (!json)
      return /Worker$/.test(functionName)
        ? [this.#paint('dim', `${pad('')}  │ ${withoutControls(line)}`)]
        : []
    const { message } = json
    if (message === null || typeof message !== 'object') {
      const isBad = json.level === 'ERROR' || json.level === 'WARN'
      return isBad
        ? [this.#line(json, '', 'error', 'red', `${functionName}: ${oneLine(String(message))}`)]
        : []
    }
    const fields = message as Fields
    if (typeof fields.errorType === 'string')
      return [
        this.#line(
          json,
          '',
          'crashed',
          'red',
          oneLine(`${functionName}: ${fields.errorType}: ${fields.errorMessage}`),
        ),
        ...this.#stack(fields.stackTrace),
      ]
    return typeof fields.task_id === 'string' ? this.#event(json, fields, fields.task_id) : []
  }

  #event(json: LogLine, fields: Fields, id: string): readonly string[] {
    const say = (word: string, style: Style, text: string) => [this.#line(json, id, word, style, text)]
    const why = oneLine([fields.code, fields.message].filter(Boolean).join(': '))
    switch (fields.event) {
      case 'task.submitted':
        return say(
          'received',
          'bold',
          `${fields.type} in lane ${fields.lane}${fields.status === 'SCHEDULED' ? ', runs later' : ''}`,
        )
      case 'task.claimed':
        return say('attempt', 'cyan', `${fields.attempt}, waited ${durationText(Number(fields.waited_ms))}`)
      case 'model.answered':
        this.#note(id, fields)
        return []
      case 'task.retrying':
        return [
          ...say('retry', 'magenta', `in ${durationText(Number(fields.retry_in_ms))}: ${why}`),
          ...this.#stack(fields.stack),
        ]
      case 'task.parked':
        return say('waits', 'yellow', `${durationText(Number(fields.retry_in_ms))}: ${why}`)
      case 'task.completed': {
        const seen = this.#take(id)
        const models = seen
          ? `, ${[...seen.models].join(' and ')}, ${seen.tokens} tokens, ${costText(seen.costUsd ?? null)}`
          : ''
        return say('done', 'green', `in ${durationText(Number(fields.run_ms))}${models}`)
      }
      case 'task.failed':
      case 'task.crashed':
        this.#take(id)
        return [...say('failed', 'red', why), ...this.#stack(fields.stack)]
      case 'task.cancelled':
        this.#take(id)
        return say('cancelled', 'yellow', '')
      case 'task.expired':
        return say('expired', 'yellow', 'it did not start in time')
      case 'task.restarted':
        return say('again', 'bold', `${fields.type} in lane ${fields.lane}`)
      case 'task.log': {
        const style = json.level === 'ERROR' ? 'red' : json.level === 'WARN' ? 'yellow' : 'dim'
        return this.#said(fields).map((text) => this.#paint(style, `${pad('')}  │ ${text}`))
      }
      default:
        return []
    }
  }

  /** A line logged by an author's code, possibly with several lines. */
  #said({ message, ...fields }: Fields): readonly string[] {
    const own = Object.entries(fields).filter(([name]) => !TASK_FIELDS.has(name))
    const facts = own.map(
      ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
    return withoutControls([String(message), ...facts].join(' '))
      .split('\n')
      .slice(0, 30)
  }

  #stack(stack: unknown): readonly string[] {
    const lines = Array.isArray(stack)
      ? stack.map(String)
      : typeof stack === 'string'
        ? stack.split('\n')
        : []
    return lines.slice(0, 15).map((line) => this.#paint('dim', `${pad('')}  │ ${withoutControls(line)}`))
  }

  #line({ timestamp }: LogLine, id: string, word: string, style: Style, text: string): string {
    const at = new Date(timestamp ?? Date.now()).toTimeString().slice(0, 8)
    return `${this.#paint('dim', at)}  ${this.#paint(style, word.padEnd(9))}  ${this.#paint('dim', id)}  ${text}`.trimEnd()
  }

  #note(id: string, { model, provider, input_tokens, output_tokens, cost_usd }: Fields): void {
    const seen = this.#seen.get(id) ?? { costUsd: 0, tokens: 0, models: new Set() }
    seen.tokens += Number(input_tokens ?? 0) + Number(output_tokens ?? 0)
    // A call without a price makes the sum unknown.
    seen.costUsd =
      cost_usd === undefined || seen.costUsd === undefined ? undefined : seen.costUsd + Number(cost_usd)
    seen.models.add(oneLine(provider === 'simulated' ? 'simulated' : String(model)))
    this.#seen.set(id, seen)
    const oldest = this.#seen.size > MAX_TRACKED_TASKS ? this.#seen.keys().next().value : undefined
    if (oldest !== undefined) this.#seen.delete(oldest)
  }

  #take(id: string): LastLine | undefined {
    const seen = this.#seen.get(id)
    this.#seen.delete(id)
    return seen
  }
}

const TASK_FIELDS = new Set(['event', 'tenant', 'task_id', 'trace_id', 'type', 'lane', 'epoch', 'attempt'])

const pad = (text: string) => text.padEnd(8)

function parse(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const json = JSON.parse(line) as LogLine
    return typeof json === 'object' ? json : undefined
  } catch {
    return undefined
  }
}

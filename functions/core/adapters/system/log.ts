import { inspect } from 'node:util'
import { metricNamespace, toEmbeddedMetrics } from '../../../metrics.ts'
import type { Log } from '../../ports/log.ts'

const LEVELS: Readonly<Record<string, 'WARN' | 'ERROR'>> = {
  'task.failed': 'ERROR',
  'task.crashed': 'ERROR',
  'http.failed': 'ERROR',
  'sweep.failed': 'ERROR',
  'cleanup.failed': 'ERROR',
  'message.unreadable': 'ERROR',
  'task.retrying': 'WARN',
  'circuit.opened': 'WARN',
}

/** "Errors only" in a log search shows WARN and ERROR, so an event whose name reports a failure has at least WARN. */
const levelOf = (event: string) =>
  LEVELS[event] ?? (/\.(failed|stuck|unsent|unrecorded)$/.test(event) ? 'WARN' : 'INFO')

/**
 * Writes each event as one line. Lambda's JSON log format adds time, level and request id: a logger library would add 23 kB and
 * 10 ms of import for the same line. An event with metrics is written directly to stdout in the same format, because
 * CloudWatch finds metrics only at the top level of a line, and Lambda would nest them.
 *
 * @param maskAll hides secrets in every text of a line.
 */
export function createLog(stage: string, maskAll: (value: unknown) => unknown = (value) => value): Log {
  const namespace = metricNamespace(stage)
  // Bound before a task's scope replaces them, because events name their task themselves.
  const write = {
    INFO: console.info.bind(console),
    WARN: console.warn.bind(console),
    ERROR: console.error.bind(console),
  }
  return (event, given) => {
    // Clipped last: what is left of a secret that the end cuts would not be found.
    const fields = mapValues(maskAll(mapValues(given, writable)) as typeof given, clippedText)
    const message = { event, ...fields }
    const level = levelOf(event)
    const metrics = toEmbeddedMetrics(namespace, event, fields, Date.now())
    if (!metrics) return write[level](message)
    const line = { timestamp: new Date().toISOString(), level, message, ...metrics }
    process.stdout.write(`${JSON.stringify(line)}\n`)
  }
}

/** CloudWatch accepts lines of 1 MB, but nobody can read one. */
const MAX_CHARACTERS = 32_000

const mapValues = (fields: Readonly<Record<string, unknown>>, change: (value: unknown) => unknown) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, change(value)]))

const clippedText = (value: unknown): unknown => (typeof value === 'string' ? clipped(value) : value)

/** An author's fields may hold anything; writing a line must not fail the task. A long value becomes a text. */
function writable(value: unknown): unknown {
  if (typeof value !== 'object' && typeof value !== 'bigint') return value
  try {
    const json = JSON.stringify(value, (_name, entry) =>
      entry instanceof Error
        ? withoutWorkerFrames(inspect(entry))
        : typeof entry === 'bigint'
          ? String(entry)
          : entry,
    )
    return json.length > MAX_CHARACTERS ? json : JSON.parse(json)
  } catch {
    return asText(value)
  }
}

function asText(value: unknown): string {
  try {
    return inspect(value)
  } catch {
    return '(cannot be read)'
  }
}

/** The stack frames below the author's code. */
const WORKER_FRAMES = /\n {1,8}at [^\n]*functions\/core\/application\/run\/[^\n]*(?:\n {1,8}at [^\n]*)*/g
export const withoutWorkerFrames = (text: string): string => text.replaceAll(WORKER_FRAMES, '')

export const clipped = (text: string): string =>
  text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text

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

/** "Errors only" of a log search finds WARN and ERROR: an event whose name says that something went wrong is never less. */
const levelOf = (event: string) =>
  LEVELS[event] ?? (/\.(failed|stuck|unsent|unrecorded)$/.test(event) ? 'WARN' : 'INFO')

/**
 * Writes each event as one line. Lambda's own JSON format wraps the object with time, level and request id: a logger
 * library would add 23 kB and 10 ms of import for the same line. An event that carries metrics is written past it, in
 * the same shape: CloudWatch finds metrics only at the top of a line, and Lambda would put them one level down.
 *
 * @param maskAll hides secrets in every text of a line.
 */
export function createLog(stage: string, maskAll: (value: unknown) => unknown = (value) => value): Log {
  const namespace = metricNamespace(stage)
  // Lambda's own, before a task's scope wraps them: an event says itself which task it is about.
  const write = {
    INFO: console.info.bind(console),
    WARN: console.warn.bind(console),
    ERROR: console.error.bind(console),
  }
  return (event, given) => {
    const fields = maskAll(given) as typeof given
    const message = { event, ...fields }
    const level = levelOf(event)
    const metrics = toEmbeddedMetrics(namespace, event, fields, Date.now())
    if (!metrics) return write[level](message)
    const line = { timestamp: new Date().toISOString(), level, message, ...metrics }
    process.stdout.write(`${JSON.stringify(line)}\n`)
  }
}

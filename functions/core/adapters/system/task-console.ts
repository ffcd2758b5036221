import { AsyncLocalStorage } from 'node:async_hooks'
import { format } from 'node:util'
import type { TaskScope } from '../../ports/task-scope.ts'
import { clipped, withoutWorkerFrames } from './log.ts'

const METHODS = ['trace', 'debug', 'log', 'info', 'warn', 'error'] as const

/**
 * Replaces the methods of `console`: inside a task's scope a line becomes an object with the task's fields, formatted as Node
 * does it (format strings, objects, errors with their stacks). Outside, lines are unchanged. Secrets that the environment has
 * read are hidden in both.
 */
export function openTaskConsole(maskAll: (value: unknown) => unknown = (value) => value): TaskScope {
  const running = new AsyncLocalStorage<Readonly<Record<string, unknown>>>()
  for (const method of METHODS) {
    const write = console[method].bind(console)
    // Node's trace of an object would show the frames of this file.
    const writeLine = method === 'trace' ? console.info.bind(console) : write
    const replaced = (...values: unknown[]) => {
      const fields = running.getStore()
      if (!fields) return write(...values.map((value) => maskAll(value)))
      const text = format(...values) + (method === 'trace' ? callersOf(replaced) : '')
      writeLine({
        event: 'task.log',
        ...fields,
        message: clipped(withoutWorkerFrames(String(maskAll(text)))),
      })
    }
    console[method] = replaced
  }
  return (fields, run) => running.run(fields, run)
}

/** The stack frames that called the function, as `console.trace` writes them. */
function callersOf(called: (...values: never) => void): string {
  const place = { stack: '' }
  Error.captureStackTrace(place, called)
  return place.stack.replace(/^[^\n]*/, '')
}

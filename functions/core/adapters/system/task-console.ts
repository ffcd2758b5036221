import { AsyncLocalStorage } from 'node:async_hooks'
import { format } from 'node:util'
import type { TaskScope } from '../../ports/task-scope.ts'
import { clipped } from './log.ts'

const METHODS = ['trace', 'debug', 'log', 'info', 'warn', 'error'] as const

/** The stack frames below the author's code. */
const WORKER_FRAMES = /\n {1,8}at [^\n]*functions\/core\/application\/run\/[^\n]*(?:\n {1,8}at [^\n]*)*/g

/**
 * Replaces the methods of `console`: inside a task's scope a line becomes an object with the task's fields, formatted as Node
 * does it (format strings, objects, errors with their stacks). Outside, lines are unchanged. Secrets that the environment has
 * read are hidden in both.
 */
export function openTaskConsole(maskAll: (value: unknown) => unknown = (value) => value): TaskScope {
  const running = new AsyncLocalStorage<Readonly<Record<string, unknown>>>()
  for (const method of METHODS) {
    const write = console[method].bind(console)
    console[method] = (...values: unknown[]) => {
      const fields = running.getStore()
      if (!fields) return write(...values.map((value) => maskAll(value)))
      const message = clipped(String(maskAll(format(...values))).replaceAll(WORKER_FRAMES, ''))
      write({ event: 'task.log', ...fields, message })
    }
  }
  return (fields, run) => running.run(fields, run)
}

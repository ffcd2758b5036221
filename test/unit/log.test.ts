import { afterEach, expect, it, vi } from 'vitest'
import { createLog } from '../../functions/core/adapters/system/log.ts'

const METHODS = ['info', 'warn', 'error'] as const

afterEach(() => vi.restoreAllMocks())

/** The level that each event is written with. */
it.each([
  ['http.failed', 'error'],
  ['message.unreadable', 'error'],
  ['stream.failed', 'warn'],
  ['text.failed', 'warn'],
  ['webhook.stuck', 'warn'],
  ['webhook.unsent', 'warn'],
  ['workflow.stuck', 'warn'],
  ['workflow.unsent', 'warn'],
  ['sweep.unrecorded', 'warn'],
  ['task.retrying', 'warn'],
  ['webhook.endpoint_added', 'info'],
  ['schedule.created', 'info'],
] as const)('%s is written by console.%s', (event, expected) => {
  const writers = METHODS.map((method) => vi.spyOn(console, method).mockImplementation(() => undefined))
  createLog('test')(event, {})
  expect(METHODS.filter((_, index) => writers[index]?.mock.calls.length)).toEqual([expected])
})

import { afterEach, expect, it, vi } from 'vitest'
import { createLog } from '../../functions/core/adapters/system/log.ts'
import { toEmbeddedMetrics } from '../../functions/metrics.ts'

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

it('a line says once by which dimensions its metrics are kept, and leaves out a zero that says nothing', () => {
  const ended = toEmbeddedMetrics(
    'TaskRunner/test',
    'task.completed',
    { lane: 'ai', run_ms: 10, total_ms: 20 },
    0,
  )
  expect(ended).toMatchObject({ Lane: 'ai', Completed: 1, RunTime: 10, EndToEnd: 20 })
  const { CloudWatchMetrics: kept } = (
    ended as { _aws: { CloudWatchMetrics: { Metrics: { Name: string }[] }[] } }
  )._aws
  expect(kept.map(({ Metrics }) => Metrics.map(({ Name }) => Name))).toEqual([
    ['Completed', 'EndToEnd'],
    ['RunTime'],
  ])
  const swept = { resent: 0, taken_over: 2 }
  const round = toEmbeddedMetrics('TaskRunner/test', 'sweep.finished', swept, 0)
  expect(round).toMatchObject({ Heartbeat: 1, TakenOver: 2 })
  expect(round).not.toHaveProperty('Resent')
  const idle = toEmbeddedMetrics('TaskRunner/test', 'lane.swept', { lane: 'ai', oldest_due_seconds: 0 }, 0)
  expect(idle).toBeUndefined()
})

import { afterEach, expect, it, vi } from 'vitest'
import { createLog } from '../../functions/core/adapters/system/log.ts'
import { openTaskConsole } from '../../functions/core/adapters/system/task-console.ts'
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

it('a line states the dimensions of its metrics once, and omits zeros that have no meaning', () => {
  const answered = toEmbeddedMetrics(
    'TaskRunner/test',
    'model.answered',
    { provider: 'openai', output_tokens: 5, cost_usd: 0.1 },
    0,
  )
  expect(answered).toMatchObject({ Provider: 'openai', ModelCalls: 1, OutputTokens: 5, Cost: 0.1 })
  const { _aws } = answered as { _aws: { CloudWatchMetrics: { Metrics: { Name: string }[] }[] } }
  expect(_aws.CloudWatchMetrics.map(({ Metrics }) => Metrics.map(({ Name }) => Name))).toEqual([
    ['ModelCalls', 'OutputTokens'],
    ['Cost'],
  ])
  const swept = { resent: 0, taken_over: 2 }
  const round = toEmbeddedMetrics('TaskRunner/test', 'sweep.finished', swept, 0)
  expect(round).toMatchObject({ Heartbeat: 1, TakenOver: 2 })
  expect(round).not.toHaveProperty('Resent')
  const idle = toEmbeddedMetrics('TaskRunner/test', 'lane.swept', { lane: 'ai', oldest_due_seconds: 0 }, 0)
  expect(idle).toBeUndefined()
})

it('a field may have any value: one that JSON cannot represent is written as text, and secrets are masked in it', () => {
  const written = vi.spyOn(console, 'info').mockImplementation(() => undefined)
  const circular: Record<string, unknown> = { name: 'ring' }
  circular.self = circular
  const { proxy: gone, revoke } = Proxy.revocable({}, {})
  revoke()
  class Connection {
    key = 'secret-0815'
  }
  const maskAll = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll('secret-0815', '…'))
  const unreadable = {
    get value() {
      throw new Error('no')
    },
  }
  createLog('test', maskAll)('task.log', {
    ...{ count: 10n, nested: { count: 10n }, circular, gone, unreadable, none: undefined },
    ...{
      error: new Error('refused'),
      response: { error: new TypeError('inner') },
      connection: new Connection(),
    },
    long: 'x'.repeat(2_000_000),
  })
  const [line] = written.mock.calls[0] as [Record<string, unknown>]
  expect(line).toMatchObject({
    event: 'task.log',
    count: '10',
    nested: { count: '10' },
    connection: { key: '…' },
  })
  expect(line.circular).toContain('ring')
  expect(line.error).toMatch(/^Error: refused\n +at /)
  expect(line.response).toMatchObject({ error: expect.stringMatching(/^TypeError: inner\n/) })
  expect(JSON.stringify(line).length).toBeLessThan(100_000)
})

it.each([
  ['a text', 31_994, (text: string) => text],
  // Its JSON begins with nine more characters.
  ['an object', 31_985, (text: string) => ({ text })],
])(
  '%s is masked before it is clipped, so that no part of a secret is left at its end',
  (_, before, field) => {
    const lines: string[] = []
    vi.spyOn(console, 'info').mockImplementation((line) => void lines.push(JSON.stringify(line)))
    const maskAll = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll('secret-0815', '…'))
    // The limit of 32,000 characters is inside the secret.
    createLog('test', maskAll)('task.log', {
      value: field(`${'x'.repeat(before)}secret-0815${'y'.repeat(50)}`),
    })
    expect(lines.join()).toContain('xxx')
    expect(lines.join()).not.toContain('secr')
  },
)

it('stacks in a field end with the author’s code, and a trace begins with it', () => {
  const originals = { ...console }
  const written = vi.spyOn(console, 'info').mockImplementation(() => undefined)
  const error = new Error('refused')
  error.stack =
    'Error: refused\n    at run (task.ts:1:1)\n    at x (/a/functions/core/application/run/a.ts:1:1)\n    at y'
  createLog('test')('task.log', { error })
  const inScope = openTaskConsole()
  void inScope({ task_id: 't1' }, async () => console.trace('at %s', 'here'))
  Object.assign(console, originals)
  const [[line], [trace]] = written.mock.calls as unknown as [[{ error: string }], [{ message: string }]]
  expect(line.error).toBe('Error: refused\n    at run (task.ts:1:1)')
  expect(trace.message).toMatch(/^at here\n +at [^\n]*log\.test\.ts/)
})

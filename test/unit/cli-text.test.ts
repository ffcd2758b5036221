import { describe, expect, it } from 'vitest'
import {
  clip,
  costText,
  durationText,
  factLines,
  oneLine,
  type Paint,
  paintStatus,
  progressBarText,
  table,
  withoutControls,
  withoutStyle,
} from '../../bin/cli/screen.ts'
import { progressLine, resultText, taskDetail, taskSummary, taskTable } from '../../bin/cli/task-text.ts'
import type { Task } from '../../lib/client/types.ts'

const NOW = Date.parse('2026-01-02T00:00:00Z')
const marked: Paint = (style, text) => `<${style}>${text}</${style}>`
const task = (changes: Partial<Task> = {}): Task =>
  ({
    id: '01k0000000000000000000000a',
    type: 'text.generate',
    status: 'PENDING',
    lane: 'ai',
    priority: 0,
    model: 'gpt-3.5-turbo',
    prompt: 'What is a qubit?',
    input: { prompt: 'What is a qubit?' },
    result: null,
    error: null,
    progress: null,
    usage: null,
    tags: [],
    attempts: 0,
    max_attempts: 4,
    epoch: 1,
    history: [],
    created_at: new Date(NOW - 90_000).toISOString(),
    updated_at: null,
    run_at: null,
    expires_at: null,
    started_at: null,
    finished_at: null,
    ...changes,
  }) as Task
const columns = Number.POSITIVE_INFINITY

describe('text for the terminal', () => {
  it.each([
    ['\u001b[2J\u001b[31mred\u001b]0;title\u0007', '[2J[31mred]0;title'],
    ['\u009b31m by one byte', '31m by one byte'],
    ['line one\r\nline two\tend\u0000\u007f', 'line one\nline two\tend'],
    ['one\u2028line\u2029of', 'onelineof'],
    ['你好 👩‍👩‍👧 é', '你好 👩‍👩‍👧 é'],
  ])('%j cannot control the terminal', (text, expected) => {
    expect(withoutControls(text)).toBe(expected)
  })

  it('is one line where one line is needed', () => {
    expect(oneLine('  a\n\n b\t\u001b[1mc ')).toBe('a b [1mc')
  })

  it.each([
    ['short', 10, 'short'],
    ['exactly10!', 10, 'exactly10!'],
    ['more than ten', 10, 'more than…'],
    ['什么是量子计算', 8, '什么是…'],
    ['👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧', 5, '👩‍👩‍👧👩‍👩‍👧…'],
  ])('%j fits %i columns', (text, width, expected) => {
    expect(clip(text, width)).toBe(expected)
  })

  it('is aligned in columns, whatever width its characters have', () => {
    expect(
      table(
        ['NAME', 'NOTE'],
        [
          ['量子', 'two'],
          ['a', 'a note that is longer than the screen'],
        ],
        { columns: 20 },
      ),
    ).toBe('NAME  NOTE\n量子  two\na     a note that i…')
  })

  it('omits facts that are not known, and aligns the others', () => {
    const pairs = [
      ['lane', 'ai'],
      ['model', undefined],
      ['attempts', '1 of 4'],
    ] as const
    expect(factLines(pairs, withoutStyle)).toBe('lane      ai\nattempts  1 of 4')
    expect(factLines([], withoutStyle)).toBe('')
  })

  it.each([
    [-5, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [119_999, '119 s'],
    [120_000, '2 min'],
    [7_199_999, '119 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 d'],
  ])('%i ms is %s', (ms, expected) => {
    expect(durationText(ms)).toBe(expected)
  })

  it('contains a progress bar that is never longer than its width', () => {
    expect([progressBarText(0, 4), progressBarText(50, 4), progressBarText(100, 4)]).toEqual([
      '░░░░',
      '██░░',
      '████',
    ])
    expect([progressBarText(-20, 4), progressBarText(300, 4)]).toEqual(['░░░░', '████'])
  })

  it('says when a price is not known, and colours each status', () => {
    expect([costText(null), costText(0.0000123)]).toEqual(['price not known', '$0.000012'])
    expect(paintStatus(marked, 'FAILED')).toBe('<red>FAILED</red>')
    expect(paintStatus(marked, 'COMPLETED')).toBe('<green>COMPLETED</green>')
  })
})

describe('the summary of a task', () => {
  it('is its progress, its error, or its input', () => {
    expect(taskSummary(task())).toBe('What is a qubit?')
    expect(taskSummary(task({ prompt: null, input: { x: 1 } }))).toBe('{"x":1}')
    expect(taskSummary(task({ prompt: null, input: null }))).toBe('')
    const progress = { percent: 40, message: 'page 2\u001b[2J\nof 5' }
    expect(taskSummary(task({ status: 'PROCESSING', progress }))).toBe('40 % page 2[2J of 5')
    const error = { code: 'provider_timeout', message: 'No answer\nin 30 s.', retryable: true }
    expect(taskSummary(task({ status: 'FAILED', error }))).toBe('provider_timeout: No answer in 30 s.')
    expect(taskSummary(task({ status: 'COMPLETED', error }))).toBe('What is a qubit?')
  })

  it('is a row of a table', () => {
    const text = taskTable([task({ attempts: 2 })], { now: NOW, paint: withoutStyle, columns })
    const [head, row] = text.split('\n')
    expect(head).toMatch(/^ID +STATUS +TYPE +LANE +TRIES +AGE +ABOUT$/)
    expect(row).toMatch(
      /^01k0000000000000000000000a +PENDING +text\.generate +ai +2\/4 +90 s +What is a qubit\?$/,
    )
  })

  it('prints everything that is known, and nothing else', () => {
    const waiting = taskDetail(task(), { now: NOW, paint: withoutStyle })
    expect(waiting).not.toMatch(/error|tokens|finished|tags|runs at/)
    const done = taskDetail(
      task({
        status: 'COMPLETED',
        result: 'A \u001b[31mqubit\u001b[0m.',
        attempts: 2,
        epoch: 3,
        tags: ['a', 'b'],
        started_at: new Date(NOW - 60_000).toISOString(),
        finished_at: new Date(NOW - 57_000).toISOString(),
        usage: { provider: 'openai', input_tokens: 7, output_tokens: 3, cost_usd: 0.001 },
      } as Partial<Task>),
      { now: NOW, paint: withoutStyle },
    )
    expect(done).toContain('gpt-3.5-turbo (answered by openai)')
    expect(done).toMatch(/attempts +2 of 4, epoch 3/)
    expect(done).toContain('(ran 3 s)')
    expect(done).toMatch(/tokens +7 in, 3 out, \$0\.001000/)
    expect(done).toMatch(/tags +a, b/)
    expect(done.endsWith('\n\nA [31mqubit[0m.')).toBe(true)
  })

  it('prints a text result unchanged and any other as JSON', () => {
    expect(resultText(task({ result: 'plain' }))).toBe('plain')
    expect(resultText(task({ result: { sum: 3 } }))).toBe('{\n  "sum": 3\n}')
    expect(resultText(task({ result: null }))).toBe('null')
  })

  it('is one line while the task runs, cut to the screen', () => {
    const progress = { percent: 50, message: 'half' }
    expect(progressLine(task({ status: 'PROCESSING', progress }), { now: NOW, columns })).toBe(
      'PROCESSING ██████████░░░░░░░░░░ 50 % half  90 s',
    )
    const error = { code: 'provider_rate_limited', message: 'Slow down.', retryable: true }
    expect(progressLine(task({ status: 'RETRYING', error }), { now: NOW, columns })).toBe(
      'RETRYING after provider_rate_limited  90 s',
    )
    expect(progressLine(task({ status: 'RETRYING', error }), { now: NOW, columns: 20 })).toBe(
      'RETRYING after prov…',
    )
  })

  it('states when a waiting task is likely to start', () => {
    const at = (seconds: number) => new Date(NOW + seconds * 1_000).toISOString()
    const queue = {
      gate: 'queue' as const,
      position: 12,
      estimated_start: { earliest: at(20), latest: at(50) },
      estimated_finish: { earliest: at(25), latest: at(90) },
    }
    const waiting = task({ queue, estimated_cost_usd: { low: 0.001, high: 0.02 } })
    expect(progressLine(waiting, { now: NOW, columns: 200 })).toMatch(
      /^PENDING about 12 before it, starts in 20 s to 50 s, ends in 25 s to 90 s, costs \$0.001\d* to \$0.02\d* {2}90 s$/,
    )
    const paused = task({
      queue: { gate: 'paused', position: 0, estimated_start: null, estimated_finish: null },
    })
    expect(progressLine(paused, { now: NOW, columns: 200 })).toBe(
      'PENDING about 0 before it, its lane is paused  90 s',
    )
  })
})

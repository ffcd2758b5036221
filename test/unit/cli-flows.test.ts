import { describe, expect, it } from 'vitest'
import { type Schedule, scheduleReasons, scheduleTable, scheduleText } from '../../bin/cli/schedule-text.ts'
import { fitToScreen, withoutStyle } from '../../bin/cli/screen.ts'
import { type Workflow, workflowTree } from '../../bin/cli/workflow-text.ts'

const NOW = Date.parse('2026-11-25T12:00:00Z')
const at = (seconds: number) => new Date(NOW + seconds * 1_000).toISOString()

type Step = Workflow['steps'][string]
const step = (more: Partial<Step> = {}): Step => ({
  status: 'WAITING',
  kind: 'task',
  type: 'example.add',
  after: [],
  tasks: { total: 0, completed: 0, failed: 0 },
  signal: null,
  task_id: null,
  error: null,
  reason: null,
  started_at: null,
  finished_at: null,
  ...more,
})
const workflow = (steps: Workflow['steps'], more: Partial<Workflow> = {}): Workflow => ({
  id: 'w1',
  name: 'report',
  status: 'RUNNING',
  epoch: 1,
  on_failure: 'fail_fast',
  error: null,
  tags: [],
  created_at: at(-90),
  updated_at: at(0),
  finished_at: null,
  expires_at: null,
  steps,
  tasks: 3,
  cost_usd: 0,
  links: { self: '', cancel: '', retry: '', mermaid: '' },
  ...more,
})
const tree = (shown: Workflow, columns = 80) =>
  workflowTree(shown, { now: NOW, paint: withoutStyle, columns })

describe('a workflow as a tree', () => {
  it('steps are below those they depend on, with their state, tasks and duration', () => {
    const text = tree(
      workflow({
        join: step({ after: ['left', 'right'] }),
        left: step({ status: 'COMPLETED', started_at: at(-60), finished_at: at(-50) }),
        right: step({
          status: 'RUNNING',
          kind: 'each',
          tasks: { total: 4, completed: 2, failed: 0 },
          started_at: at(-60),
        }),
      }),
    )
    expect(text.split('\n')).toEqual([
      'w1  RUNNING  report  3 tasks, 90 s',
      '✔ left  example.add  COMPLETED  10 s',
      '● right  example.add  RUNNING  █████░░░░░ 2/4  60 s',
      '  ○ join  example.add  WAITING',
    ])
  })

  it('states what it waits for, why a step failed or was skipped, and what to do', () => {
    const text = tree(
      workflow(
        {
          approve: step({ kind: 'wait', type: null, status: 'RUNNING', signal: 'ok', started_at: at(-5) }),
          bad: step({ status: 'FAILED', error: { code: 'boom', message: 'no\nway', retryable: false } }),
          not: step({ status: 'SKIPPED', reason: 'condition' }),
        },
        { status: 'FAILED' },
      ),
      200,
    )
    expect(text).toContain('approve waits for a signal: npx taskrunner workflow signal w1 ok')
    expect(text).toContain('boom: no way')
    expect(text).toContain('its condition does not hold')
    expect(text).toContain('npx taskrunner workflow retry w1')
  })

  it('counts the terminal rows it uses on a narrow screen, and prints no more lines than fit', () => {
    const wide = '\u001b[32m✔\u001b[39m '.concat('x'.repeat(78))
    expect(fitToScreen([wide, 'short', ''], { columns: 40, rows: 24 })).toEqual({
      lines: [wide, 'short', ''],
      rows: 4,
    })
    expect(fitToScreen(['a', 'b', 'c', 'd'], { columns: 40, rows: 3 })).toEqual({
      lines: ['a', 'b'],
      rows: 2,
    })
    expect(fitToScreen([wide, 'b'], { columns: 40, rows: 2 })).toEqual({ lines: [wide], rows: 2 })
  })

  it('shows the progress of a task, and how many of several tasks are done', () => {
    const running = { status: 'RUNNING', started_at: at(-4) } as const
    const steps = {
      one: step(running),
      all: step({ ...running, tasks: { total: 4, completed: 1, failed: 0 } }),
    }
    const progress = new Map([['one', { percent: 40, message: 'page 2 of 5' }]])
    const text = workflowTree(workflow(steps), { now: NOW, paint: withoutStyle, columns: 80, progress })
    expect(text).toContain('● one  example.add  RUNNING  ████░░░░░░ 40 % page 2 of 5  4 s')
    expect(text).toContain('● all  example.add  RUNNING  ███░░░░░░░ 1/4  4 s')
  })

  it('a chain of 500 steps has its lines in order, whatever the order of their names', () => {
    const names = Array.from({ length: 500 }, (_, index) => `s${index}`)
    const steps = Object.fromEntries(
      names.map((name, index) => [name, step({ after: index === 0 ? [] : [`s${index - 1}`] })]).reverse(),
    )
    const lines = tree(workflow(steps), 2_000).split('\n').slice(1)
    expect(lines.map((line) => /○ (\w+)/.exec(line)?.[1])).toEqual(names)
  })
})

describe('schedules', () => {
  const schedule = (more: Partial<Schedule> = {}): Schedule => ({
    id: 's1',
    name: 'news',
    cron: '0 9 * * *',
    rate_seconds: null,
    at: null,
    timezone: 'UTC',
    in_words: 'At 09:00, UTC',
    start_at: null,
    end_at: null,
    overlap: 'skip',
    missed: 'skip',
    jitter_seconds: 0,
    paused: false,
    source: 'api',
    next_times: [at(7_200), at(93_600)],
    fired: 2,
    missed_count: 1,
    last_planned_at: null,
    last_task_id: null,
    last_refused: null,
    task: { prompt: 'hi' },
    created_at: at(0),
    updated_at: at(0),
    links: { self: '', run: '', pause: '', resume: '' },
    ...more,
  })

  it.each([
    ['fires next', schedule(), 'in 2 h', 'fires in 2 h'],
    ['is paused', schedule({ paused: true, next_times: [] }), 'paused', 'schedules resume s1'],
    ['has ended', schedule({ next_times: [] }), 'never again', 'fires never again'],
  ])('one that %s is shown so', (_, shown, inTable, inText) => {
    expect(scheduleTable([shown], NOW, withoutStyle)).toContain(inTable)
    expect(scheduleText(shown, NOW, withoutStyle)).toContain(inText)
  })

  it('explain states when it fires, why it is delayed, the last task’s end, and what a limit refused', () => {
    const refused = { planned_at: at(-60), code: 'budget_exhausted', message: 'No money is left.' }
    const reasons = scheduleReasons(
      schedule({ last_refused: refused, overlap: 'skip' }),
      { id: 't1', status: 'PROCESSING', error: null },
      NOW,
    )
    expect(reasons).toEqual([
      `It fires next at ${at(7_200)}, in 2 h.`,
      'Its last task, t1, is PROCESSING.',
      'If that still runs then, the next firing is skipped (overlap skip).',
      `The firing of ${at(-60)} made no task: budget_exhausted, No money is left.`,
      '1 planned times passed without a task, by outages or limits (missed skip).',
    ])
    expect(scheduleReasons(schedule({ paused: true, next_times: [] }), undefined, NOW)[0]).toContain(
      'schedules resume s1',
    )
    expect(scheduleReasons(schedule({ next_times: [] }), undefined, NOW)[0]).toContain('fires never again')
  })

  it('a schedule of the stage’s file states where to change it', () => {
    expect(scheduleText(schedule({ source: 'stage' }), NOW, withoutStyle)).toContain(
      'change it there and deploy',
    )
  })
})

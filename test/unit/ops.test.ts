import { describe, expect, it } from 'vitest'
import type { KeptStep } from '../../functions/core/domain/step.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import { html } from '../../functions/ops/html.ts'
import { type RenderContext, renderQueues, renderSearch, renderTasks } from '../../functions/ops/render.ts'
import { renderTask, type TaskView } from '../../functions/ops/render-task.ts'
import { makeTask } from '../fixtures/make-task.ts'

const context = { viewArn: 'view', actionArn: 'action', showsPrompts: false, hasTenants: true, now: 0 }

const page = (task: Task, shown: Partial<TaskView> = {}, changes: Partial<RenderContext> = {}): string =>
  renderTask({ ...context, ...changes }, { task, explanation: undefined, steps: [], ...shown }).text
const open = { showsPrompts: true }
/** What is read: without tags, and without the data of buttons. */
const textOf = (text: string): string =>
  text
    .replaceAll(/<cwdb-action[\s\S]*?<\/cwdb-action>/g, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')

describe('the task table', () => {
  it('shows an input only where the stage allows it', () => {
    const task = makeTask(0, { input: { json: '{"prompt":"a secret"}' } })
    expect(page(task)).not.toContain('secret')
    expect(page(task, {}, open)).toContain('a secret')
  })

  it('shows progress text and error messages only where it shows inputs', () => {
    const task = makeTask(0, {
      status: 'RETRYING',
      progress: { percent: 40, message: 'secret answer' },
      error: { code: 'task_failed', message: 'secret input', retryable: true },
    })
    for (const text of [page(task), renderTasks(context, '', [task], '').text]) {
      expect(text).not.toContain('secret')
      expect(text).toContain('40 %')
      expect(text).toMatch(/last attempt: (<code>)?task_failed/i)
    }
    expect(renderTasks({ ...context, ...open }, '', [task], '').text).toMatch(
      /40 % secret answer.*task_failed: secret input/,
    )
    expect(page(task, {}, open)).toMatch(/40 %.* secret answer.*task_failed.*secret input/)
  })

  it('shows what a task cost, and when a later one starts', () => {
    const usage = { inputTokens: 5, outputTokens: 7, costMicroUsd: 1_250, provider: 'openai' }
    const text = page(makeTask(0, { usage, runAt: 60_000 }))
    expect(textOf(text)).toContain('Cost $0.001250')
    expect(textOf(text)).toContain('Runs at 1970-01-01T00:01:00.000Z')
    expect(textOf(page(makeTask(0)))).toContain('Cost –')
    expect(textOf(renderTasks(context, '', [makeTask(0, { usage })], '').text)).toContain('$0.001250')
  })

  it('escapes the values in a template, and nothing else', () => {
    expect(html`<p title="${'"x\''}">${html`<b>${'<&>'}</b>`}${[html`<i></i>`]}${null}${0}</p>`.text).toBe(
      '<p title="&quot;x&#39;"><b>&lt;&amp;&gt;</b><i></i>0</p>',
    )
  })
})

describe('the task page', () => {
  const history = [
    { epoch: 1, attempt: 1, startedAt: 1_000, endedAt: 3_000, outcome: 'rate_limited', provider: 'openai' },
    { epoch: 1, attempt: 2, startedAt: 7_000, endedAt: 9_000, outcome: 'completed', provider: 'anthropic' },
  ]

  it('says why the task waits and until when, in words', () => {
    const explanation = { message: 'It waits for a worker.', nextAt: 60_000 }
    expect(page(makeTask(0), { explanation })).toContain(
      '<p>It waits for a worker. Next at 1970-01-01T00:01:00.000Z.</p>',
    )
  })

  it('shows attempts and waits on one line of time', () => {
    const task = makeTask(0, { status: 'COMPLETED', startedAt: 7_000, finishedAt: 9_000, history })
    expect(textOf(page(task))).toMatch(
      /waits 1970-01-01T00:00:00.000Z 1 s attempt 1 1970-01-01T00:00:01.000Z 2 s rate_limited openai waits \S+ 4 s attempt 2 \S+ 2 s completed anthropic/,
    )
    expect(page(task)).toContain('margin-left: 11.1%; width: 22.2%')
  })

  it('shows the attempt that runs, and how many are left out', () => {
    const many = Array.from({ length: 30 }, (_, index) => ({
      ...{ epoch: 1, attempt: index + 1 + (index < 10 ? 0 : 5), outcome: 'rate_limited' },
      ...{
        startedAt: (index + (index < 10 ? 0 : 5)) * 1_000,
        endedAt: (index + (index < 10 ? 0 : 5)) * 1_000 + 999,
      },
    }))
    const task = makeTask(0, { status: 'PROCESSING', attempt: 36, startedAt: 40_000, history: many })
    const text = textOf(page({ ...task, attemptsOmitted: 5 }, {}, { now: 45_000 }))
    expect(text).toMatch(/ attempt 36 1970-01-01T00:00:40.000Z 5 s runs/)
    expect(text).toMatch(/ attempt 10 \S+ 999 ms rate_limited 5 attempts, not kept \S+ 5 s attempt 16 /)
  })

  it('shows the latest finished steps, and says how many there are', () => {
    const steps = Array.from({ length: 80 }, (_, index): KeptStep => {
      const times = { startedAt: index * 100, endedAt: index * 100 + 50 }
      return {
        life: 'l',
        name: `page-${index}`,
        inputsHash: '',
        value: { json: '1' },
        epoch: 1,
        attempt: 1,
        ...times,
      }
    })
    const text = textOf(page(makeTask(0), { steps }))
    expect(text).toContain('50 latest of 80')
    expect(text).toMatch(/page-79 .* 50 ms/)
    expect(text).not.toContain('page-29 ')
  })

  it('shows the beginning of long texts, says that there is more, and stays small', () => {
    const long = 'x'.repeat(300_000)
    const text = page(
      makeTask(0, {
        status: 'FAILED',
        input: { json: JSON.stringify({ prompt: long }) },
        result: { json: JSON.stringify(long) },
        error: { code: 'task_failed', message: long, retryable: true },
        progress: { percent: 10, message: long },
      }),
      { explanation: { message: `It failed: ${long}` } },
      open,
    )
    expect(text.length).toBeLessThan(30_000)
    expect(text).toContain('The first 2,000 of 300,000 characters')
  })

  it('shows prompts and text results with their line breaks, and other JSON indented', () => {
    const inputOf = (value: unknown) =>
      page(makeTask(0, { input: { json: JSON.stringify(value) } }), {}, open)
    expect(inputOf({ prompt: 'one\n"two"' })).toContain('>one\n&quot;two&quot;<')
    expect(inputOf({ x: 1, prompt: 'one' })).toContain(
      '>{\n  &quot;x&quot;: 1,\n  &quot;prompt&quot;: &quot;one&quot;\n}<',
    )
    expect(inputOf(null)).toContain('>null<')
    const result = { json: JSON.stringify('a\nb') }
    expect(page(makeTask(0, { status: 'COMPLETED', result }), {}, open)).toContain('>a\nb<')
  })

  it('says when the texts were deleted, and how large the ones are that it may not read', () => {
    expect(page(makeTask(0, { input: { json: 'null' }, erasedAt: 60_000 }), {}, open)).toContain(
      'deleted on request at 1970-01-01T00:01:00.000Z',
    )
    const stored = { key: 'secret-key', bytes: 400_000, sha256: '' }
    const text = page(makeTask(0, { input: stored }), {}, open)
    expect(text).toContain('400,000 bytes, in the bucket')
    expect(text).not.toContain('secret-key')
  })

  it('names the workflow and the schedule that it belongs to', () => {
    const parent = { workflow: 'wf1', epoch: 1, node: 'sum', index: 1, size: 3, isFailFast: true }
    const firing = { schedule: 'nightly', plannedAt: 60_000 }
    const text = textOf(page(makeTask(0, { parent, firing })))
    expect(text).toContain('Workflow wf1, step sum, task 2 of 3')
    expect(text).toContain('Schedule nightly, planned for 1970-01-01T00:01:00.000Z')
    expect(text).toContain('npx taskrunner workflow show wf1')
  })

  it('has command lines to copy, whose log shows the stacks', () => {
    const { id } = makeTask(0)
    const text = textOf(page(makeTask(0)))
    for (const command of ['explain', 'get', 'logs --task'])
      expect(text).toContain(`npx taskrunner ${command} ${id} `)
    expect(text).toContain(`filter message.task_id = &quot;${id}&quot;`)
  })

  it('escapes every text of strangers, and draws without scripts and styles of other elements', () => {
    const evil = '<img src=x onerror=alert(1)>"\'</td>'
    const text = page(
      makeTask(0, {
        ...{ id: evil, tenant: evil, type: evil, model: evil, status: 'RETRYING', tags: [evil] },
        ...{
          input: { json: JSON.stringify(evil) },
          result: { json: JSON.stringify([evil]) },
          concurrencyKey: evil,
        },
        error: { code: evil, message: evil, retryable: true },
        progress: { percent: 10, message: evil },
        usage: { inputTokens: 1, outputTokens: 1, costMicroUsd: 1, provider: evil, finishReason: evil },
        history: [{ epoch: 1, attempt: 1, startedAt: 0, endedAt: 1, outcome: evil, provider: evil }],
        parent: { workflow: evil, epoch: 1, node: evil, index: 0, size: 1, isFailFast: true },
        firing: { schedule: evil, plannedAt: 0 },
      }),
      {
        explanation: { message: evil },
        steps: [
          {
            ...{ life: '', name: evil, inputsHash: '', value: { json: evil } },
            ...{ epoch: 1, attempt: 1, startedAt: 0, endedAt: 1 },
          },
        ],
      },
      open,
    )
    const withoutValues = text.replaceAll(/"[^"]*"/g, '""')
    expect(withoutValues).not.toMatch(/<(img|script|style|link|iframe)\b|<[^>]*\son\w+=[^>]*>/i)
    expect(text.split('&lt;img src=x').length).toBeGreaterThan(15)
    expect(text).not.toContain(evil)
  })
})

it('the search form offers lanes and times, and repeats what was asked', () => {
  const { text } = renderSearch(context, { tenant: 'a', status: 'FAILED', lane: 'ai', minutes: '60' })
  for (const option of [
    'value="FAILED" selected>FAILED',
    'value="ai" selected>ai',
    'value="60" selected>last hour',
  ])
    expect(text).toContain(`<option ${option}</option>`)
  expect(text).toContain('<option value="">any</option>')
})

it('no text mentions tenants on a stage that has only one', () => {
  const one = { ...context, hasTenants: false }
  const texts = [
    page(makeTask(0), {}, one),
    renderSearch(one, { tenant: 'default' }).text,
    renderQueues(one, 'default', []).text,
  ]
  // The hidden data of a button is not shown.
  for (const text of texts)
    expect(text.replaceAll(/<cwdb-action[\s\S]*?<\/cwdb-action>/g, '')).not.toMatch(/tenant/i)
})

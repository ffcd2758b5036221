import { describe, expect, it } from 'vitest'
import { html } from '../../functions/ops/html.ts'
import { renderQueues, renderSearch, renderTask, renderTasks } from '../../functions/ops/render.ts'
import { makeTask } from '../fixtures/make-task.ts'

const context = { viewArn: 'view', actionArn: 'action', showsPrompts: false, hasTenants: true, now: 0 }

describe('the task table', () => {
  it('shows an input only where the stage allows it', () => {
    const task = makeTask(0, { input: { json: '{"prompt":"a secret"}' } })
    expect(renderTask(context, task).text).not.toContain('secret')
    expect(renderTask({ ...context, showsPrompts: true }, task).text).toContain('a secret')
  })

  it('shows progress text and error messages only where it shows inputs', () => {
    const task = makeTask(0, {
      status: 'RETRYING',
      progress: { percent: 40, message: 'secret answer' },
      error: { code: 'task_failed', message: 'secret input', retryable: true },
    })
    for (const text of [renderTask(context, task).text, renderTasks(context, '', [task], '').text]) {
      expect(text).not.toContain('secret')
      expect(text).toContain('40 %')
      expect(text).toContain('last attempt: task_failed')
    }
    const open = { ...context, showsPrompts: true }
    expect(renderTasks(open, '', [task], '').text).toMatch(/40 % secret answer.*task_failed: secret input/)
  })

  it('shows what a task cost, and when a later one starts', () => {
    const usage = { inputTokens: 5, outputTokens: 7, costMicroUsd: 1_250, provider: 'openai' }
    const { text } = renderTask(context, makeTask(0, { usage, runAt: 60_000 }))
    expect(text).toContain('<th>Cost</th><td>$0.001250</td>')
    expect(text).toContain('<th>Starts at</th><td>1970-01-01T00:01:00.000Z</td>')
    expect(renderTask(context, makeTask(0)).text).toContain('<th>Cost</th><td>–</td>')
  })

  it('escapes the values in a template, and nothing else', () => {
    expect(html`<p title="${'"x\''}">${html`<b>${'<&>'}</b>`}${[html`<i></i>`]}${null}${0}</p>`.text).toBe(
      '<p title="&quot;x&#39;"><b>&lt;&amp;&gt;</b><i></i>0</p>',
    )
  })
})

it('no text mentions tenants on a stage that has only one', () => {
  const one = { ...context, hasTenants: false }
  const texts = [
    renderTask(one, makeTask(0)).text,
    renderSearch(one, { tenant: 'default' }).text,
    renderQueues(one, 'default', []).text,
  ]
  // The hidden data of a button is not shown.
  for (const text of texts)
    expect(text.replaceAll(/<cwdb-action[\s\S]*?<\/cwdb-action>/g, '')).not.toMatch(/tenant/i)
})

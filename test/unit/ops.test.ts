import { describe, expect, it } from 'vitest'
import { html } from '../../functions/ops/html.ts'
import { renderTask } from '../../functions/ops/render.ts'
import { makeTask } from '../fixtures/make-task.ts'

const desk = { viewArn: 'view', actionArn: 'action', showsPrompts: false, now: 0 }

describe('the task table', () => {
  it('shows an input only where the stage allows it', () => {
    const task = makeTask(0, { input: { json: '{"prompt":"a secret"}' } })
    expect(renderTask(desk, task).text).not.toContain('secret')
    expect(renderTask({ ...desk, showsPrompts: true }, task).text).toContain('a secret')
  })

  it('escapes what is put into a template, and only that', () => {
    expect(html`<p title="${'"x\''}">${html`<b>${'<&>'}</b>`}${[html`<i></i>`]}${null}${0}</p>`.text).toBe(
      '<p title="&quot;x&#39;"><b>&lt;&amp;&gt;</b><i></i>0</p>',
    )
  })
})

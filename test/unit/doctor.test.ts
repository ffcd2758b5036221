import { describe, expect, it } from 'vitest'
import { diagnose, type Facts } from '../../bin/cli/diagnose.ts'
import type { Queue, Task } from '../../lib/client/types.ts'

const NOW = Date.parse('2030-01-01T12:00:00Z')
const ask = (facts: Partial<Facts>, source = 'the local stage that runs') =>
  diagnose(
    {
      target: {
        base: 'http://localhost:3201/api/v1',
        key: undefined,
        gatewayKey: undefined,
        source,
        isLocal: true,
        stage: undefined,
        region: undefined,
        isProfileOpen: false,
      },
      health: { app_name: 'x', version: '1', timestamp: new Date(NOW).toISOString() } as Facts['health'],
      readAt: NOW,
      types: [{ name: 'text.generate' }] as unknown as NonNullable<Facts['types']>,
      ...facts,
    },
    NOW,
  )
const task = (changes: object) =>
  ({
    id: 'x',
    lane: 'ai',
    status: 'FAILED',
    created_at: new Date(NOW).toISOString(),
    ...changes,
  }) as Task
const lane = (changes: object) =>
  ({ lane: 'ai', is_paused: false, visible: 0, dead_letters: 0, ...changes }) as Queue
const failed = (code: string, retryable = true) => task({ error: { code, message: '', retryable } })
const of = (check: string, facts: Partial<Facts>, source?: string) =>
  ask(facts, source).filter((finding) => finding.check === check)

describe('the doctor', () => {
  it('says how to restart tasks that failed for good, by lane and code, and never that they restart by themselves', () => {
    const found = of('failures', {
      failed: [failed('provider_rate_limited'), failed('provider_unavailable')],
    })
    expect(found.map(({ says }) => says)).toEqual([
      '1 task of lane ai failed in the last hour with provider_rate_limited.',
      '1 task of lane ai failed in the last hour with provider_unavailable.',
    ])
    for (const { todo } of found)
      expect(todo).toMatch(/npx taskrunner redrive ai --error-code \w+ --dry-run$/)
    expect(JSON.stringify(found)).not.toMatch(/by (it|them)sel/)
  })

  it('says that tasks with another attempt restart by themselves', () => {
    const [found] = of('retrying', {
      open: [task({ status: 'RETRYING', error: { code: 'provider_bad_answer' } })],
    })
    expect(found?.says).toBe('1 task waits for a retry after provider_bad_answer; it starts by itself.')
    expect(found?.todo).toContain('--status retrying')
  })

  it('includes the stage in every command when an option chose it', () => {
    const facts = { queues: [lane({ dead_letters: 2 })] }
    expect(of('dead', facts)[0]).toMatchObject({
      says: 'Lane ai has 2 dead letters.',
      todo: 'npx taskrunner redrive ai --dry-run',
    })
    expect(of('dead', facts, '--base')[0]?.todo).toBe(
      'npx taskrunner --base http://localhost:3201 redrive ai --dry-run',
    )
    expect(of('dead', facts, 'profile "prod"')[0]?.todo).toBe(
      'npx taskrunner --profile prod redrive ai --dry-run',
    )
  })

  it('does not report logs as clean when it cannot find them', () => {
    expect(of('logs', { errors: [] })[0]?.level).toBe('ok')
    expect(of('logs', { errors: 'none' })[0]).toMatchObject({
      level: 'warn',
      todo: expect.stringContaining('TASKRUNNER_STATE'),
    })
  })

  it('counts tasks that wait in a paused lane with that lane', () => {
    const findings = ask({
      queues: [lane({ lane: 'demo', is_paused: true, visible: 1 })],
      open: [task({ lane: 'demo', status: 'PENDING' })],
    })
    expect(findings.map(({ says }) => says)).toEqual(
      expect.arrayContaining([
        'Lane demo is paused, 1 task waits.',
        '0 PROCESSING, 0 PENDING in lanes that are not paused, none for long.',
      ]),
    )
  })

  it('shows a task’s own cause first, in red while its lane is paused, and no other tasks', () => {
    const found = ask({
      queues: [lane({ lane: 'ai', is_paused: true })],
      open: [task({ status: 'PENDING' })],
      failed: [failed('provider_unavailable')],
      task: task({ status: 'PENDING' }),
      explanation: { gate: 'paused', message: 'Lane ai is paused.' } as NonNullable<Facts['explanation']>,
    })
    expect(found.map(({ check }) => check).slice(0, 2)).toEqual(['task', 'stage'])
    expect(found[0]).toMatchObject({ level: 'fail', todo: 'npx taskrunner resume ai' })
    expect(found.map(({ check }) => check)).not.toContain('failures')
  })

  it('advises no repetition after an author’s error that is never retried, but after one that is, and after a wrong key', () => {
    const adviceOn = (code: string, retryable: boolean) => {
      const error = failed(code, retryable)
      return JSON.stringify([of('failures', { failed: [error] }), of('task', { task: error })])
    }
    expect(adviceOn('document_damaged', false)).not.toMatch(/taskrunner (redrive|retry)/)
    expect(adviceOn('source_down', true)).toMatch(/shows why\. Then: npx taskrunner redrive/)
    expect(adviceOn('provider_unauthorized', false)).toMatch(/Then: npx taskrunner redrive/)
  })

  it.each(['content_refused', 'provider_rejected', 'invalid_output'])(
    'never advises to repeat a task that would be refused again: %s',
    (code) => {
      expect(JSON.stringify(of('failures', { failed: [failed(code)] }))).not.toMatch(/redrive|retry/)
      expect(JSON.stringify(of('task', { task: failed(code) }))).not.toMatch(/taskrunner (redrive|retry)/)
    },
  )
})

import { describe, expect, it } from 'vitest'
import {
  ProviderError,
  TaskError,
  TaskTimeoutError,
  UnavailableError,
} from '../../functions/core/domain/errors.ts'
import { backoffMs, decideRetry, MAX_UNCOUNTED_MS } from '../../functions/core/domain/retry.ts'

const POLICY = { baseMs: 2_000, capMs: 60_000 }
const NOW = 1_000_000
const later = (options = {}) =>
  new ProviderError('provider_unavailable', 'No answer.', 'counted', 'openai', options)
const decideAt = (error: unknown, attempt = 1, random = 1, task = {}) =>
  decideRetry(error, { task: { attempt, maxAttempts: 4, ...task }, policy: POLICY, now: NOW, random })

describe('the retry decision', () => {
  it('draws the backoff from 0 to base × 2^(attempt − 1), capped', () => {
    expect([1, 2, 3, 4, 5, 6, 7].map((attempt) => backoffMs(attempt, POLICY, 1))).toEqual([
      2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000,
    ])
    expect(backoffMs(3, POLICY, 0)).toBe(0)
  })

  it('waits whole seconds, at least one, by the delay of the message', () => {
    expect(decideAt(later(), 2, 0.3)).toMatchObject({
      outcome: 'retry',
      wait: { until: NOW + 2_000, by: 'message' },
    })
    expect(decideAt(later(), 1, 0)).toMatchObject({ wait: { until: NOW + 1_000 } })
  })

  it('waits as long as Retry-After says, plus the jitter', () => {
    expect(decideAt(later({ retryAfterMs: 10_000 }), 1, 0)).toMatchObject({ wait: { until: NOW + 10_000 } })
    expect(decideAt(later({ retryAfterMs: 10_000 }), 1, 1)).toMatchObject({ wait: { until: NOW + 12_000 } })
  })

  it('parks a task that must wait longer than a queue can delay a message', () => {
    expect(decideAt(later({ retryAfterMs: 900_000 }), 1, 0)).toMatchObject({ wait: { by: 'message' } })
    expect(decideAt(later({ retryAfterMs: 901_000 }), 1, 0)).toMatchObject({ wait: { by: 'sweeper' } })
  })

  it('waits at most an hour for a provider that asks for days', () => {
    expect(decideAt(later({ retryAfterMs: 9e9 }), 1, 0)).toMatchObject({
      wait: { until: NOW + 3_600_000 },
    })
  })

  it('ends at the last attempt, and at once for an error that is never retried', () => {
    expect(decideAt(later(), 4)).toMatchObject({ outcome: 'fail', error: { retryable: true } })
    expect(decideAt(new TaskError('No.'))).toEqual({
      outcome: 'fail',
      error: { code: 'task_failed', message: 'No.', retryable: false },
    })
  })

  it('retries a time-out and an error in the author’s code', () => {
    expect(decideAt(new TaskTimeoutError(5_000))).toMatchObject({
      outcome: 'retry',
      error: { code: 'timeout' },
    })
    expect(decideAt(new TypeError('x is undefined'))).toMatchObject({
      outcome: 'retry',
      error: { code: 'task_failed' },
    })
  })

  it('does not count a failure of the table, not even in the last attempt', () => {
    expect(decideAt(new UnavailableError('The table did not answer.'), 4)).toMatchObject({
      outcome: 'retry',
      isCounted: false,
    })
  })

  it('an hour of uncounted failures causes at most 16 receives; after that they are counted', () => {
    const error = new UnavailableError('The table did not answer.')
    let now = NOW
    let receives = 0
    for (let uncounted = 0; ; uncounted += 1) {
      const decision = decideRetry(error, {
        task: { attempt: 1, maxAttempts: 4, parkedSince: NOW, uncounted },
        policy: POLICY,
        now,
        random: 0,
      })
      receives += 1
      if (decision.outcome !== 'retry' || decision.isCounted) break
      now = decision.wait.until
    }
    expect(now - NOW).toBeGreaterThan(MAX_UNCOUNTED_MS)
    expect(receives).toBeLessThanOrEqual(16)
    const task = { parkedSince: NOW - MAX_UNCOUNTED_MS - 1, uncounted: 16 }
    expect(decideAt(error, 4, 1, task)).toMatchObject({ outcome: 'fail', error: { code: 'unavailable' } })
  })

  it('a long uncounted wait, or a message with a high receive count, waits as a row without a message', () => {
    const open = new ProviderError('circuit_open', 'Paused.', 'uncounted', 'openai', { retryAfterMs: 90_000 })
    expect(decideAt(open)).toMatchObject({ isCounted: false, wait: { by: 'sweeper' } })
    const often = { task: { attempt: 1, maxAttempts: 4 }, policy: POLICY, now: NOW, random: 0 }
    expect(decideRetry(later(), { ...often, receives: 5 })).toMatchObject({ wait: { by: 'message' } })
    expect(decideRetry(later(), { ...often, receives: 6 })).toMatchObject({ wait: { by: 'sweeper' } })
  })

  it('an open circuit sets the wait itself, however often it has delayed the task', () => {
    const open = new ProviderError('circuit_open', 'Paused.', 'uncounted', 'openai', { retryAfterMs: 3_000 })
    const decision = decideAt(open, 1, 0, { parkedSince: NOW - 20_000, uncounted: 5 })
    expect(decision).toMatchObject({ isCounted: false, wait: { until: NOW + 3_000 } })
  })

  it.each(['', 'has space', 'ü', 'x'.repeat(70)])(
    'an author’s code %j that cannot be a label becomes task_failed',
    (code) => {
      expect(decideAt(new TaskError('No.', { code }))).toMatchObject({ error: { code: 'task_failed' } })
    },
  )

  it('a message is not cut inside a character', () => {
    const { error } = decideAt(new TaskError(`${'x'.repeat(999)}\u{1f600}`))
    expect(error.message.isWellFormed()).toBe(true)
  })

  it.each(['EMFILE', 'ENFILE', 'ENOSPC'])('%s in the environment is not counted as an attempt', (code) => {
    const lack = Object.assign(new Error(`${code}: open '/var/task/x.mjs'`), { code })
    for (const error of [lack, new Error('The module cannot be loaded.', { cause: lack })]) {
      const decision = decideAt(error)
      expect(decision).toMatchObject({ outcome: 'retry', isCounted: false, error: { code: 'unavailable' } })
      expect(decision.error.message).not.toContain('/var')
    }
    expect(decideAt(Object.assign(new Error('x'), { code: 'ENOENT' }))).toMatchObject({
      error: { code: 'task_failed' },
    })
  })

  it('anything that is thrown is described, also a string or nothing', () => {
    expect(decideAt('boom')).toMatchObject({ error: { code: 'task_failed', message: 'boom' } })
    expect(decideAt(undefined)).toMatchObject({
      error: { code: 'task_failed', message: 'The task threw undefined.' },
    })
  })
})

import { describe, expect, it } from 'vitest'
import { clipEnd, clipStart } from '../../functions/core/domain/clip.ts'
import { findUnwritable } from '../../functions/core/domain/json-value.ts'
import { addCall, readTokens } from '../../functions/core/domain/model-usage.ts'
import { describeFailure } from '../../functions/core/domain/retry.ts'

describe('values that JSON cannot represent', () => {
  const circle: { inner: { back?: unknown } } = { inner: {} }
  circle.inner.back = circle
  it.each<[unknown, string | undefined]>([
    [{ a: [1, 10n] }, 'a.1'],
    [circle, 'inner.back'],
    [{ a: new Map([[1, 2]]) }, 'a'],
    [{ a: [new Set([1])] }, 'a.0'],
    [{ a: { b: Number.NaN } }, 'a.b'],
    [[1, Number.POSITIVE_INFINITY], '1'],
    [[1, undefined], '1'],
    [new Array(2), '0'],
    [undefined, ''],
    [{ a: () => 1 }, 'a'],
    [{ a: Symbol('x') }, 'a'],
    [{ a: new Error('x') }, 'a'],
    [{ a: Buffer.from('x') }, 'a'],
    [{ a: Promise.resolve() }, 'a'],
    [{ a: new Date(Number.NaN) }, 'a'],
    [{ a: new URLSearchParams('x=1') }, 'a'],
    [{ a: [1, 2].values() }, 'a'],
    [{ a: Object(Number.NaN) }, 'a'],
    [{ a: Object(1n) }, 'a'],
    [{ a: new (class Empty {})() }, 'a'],
    [
      {
        a: new (class Point {
          readonly x = 1
        })(),
        b: Object.create(null),
        c: new URL('http://x/'),
      },
      undefined,
    ],
    [{ a: undefined, b: new Date(0), c: [null, 'x', 0, false, {}], d: circle.inner.back && 1 }, undefined],
    [null, undefined],
  ])('%# is found by its path', (value, path) => {
    expect(findUnwritable(value)?.path).toBe(path)
  })

  it('the same object twice is not a cycle; a nesting of thousands is found', () => {
    const twice = { x: 1 }
    expect(findUnwritable([twice, twice])).toBeUndefined()
    let deep: unknown = 1
    for (let n = 0; n < 5_000; n += 1) deep = [deep]
    expect(findUnwritable(deep)?.reason).toContain('deeper')
  })
})

describe('a truncated text', () => {
  const family = '👨‍👩‍👧‍👦'
  it('has no half of a character at either end', () => {
    for (const text of ['🌍🌍🌍🌍', `a${family}b${family}`, 'e\u0301e\u0301e\u0301', '你好你好'])
      for (let length = 0; length <= text.length; length += 1)
        for (const clipped of [clipEnd(text, length), clipStart(text, length)]) {
          expect(clipped.isWellFormed()).toBe(true)
          expect(clipped.length).toBeLessThanOrEqual(length)
          expect(clipped).not.toMatch(/^\u200d|\u200d$|^\u0301/)
        }
  })
  it('is unchanged when it fits, except for a half character whose rest has not arrived', () => {
    expect(clipEnd(family, 100)).toBe(family)
    expect(clipStart('so far 🌍'.slice(0, -1), 100)).toBe('so far ')
  })
})

describe('a thrown value', () => {
  it.each<[unknown, string]>([
    [{ status: 7 }, 'The task threw {"status":7}.'],
    [{ message: 'told' }, 'told'],
    ['text', 'text'],
    [undefined, 'The task threw undefined.'],
    [null, 'The task threw null.'],
    [7n, 'The task threw 7.'],
    [{ big: 1n }, 'The task threw an object with big.'],
    [Object.assign(new Error('x'), { message: { status: 7 } }), 'The task threw {"status":7}.'],
    [new Error(''), 'The task failed.'],
    [new RangeError(''), 'RangeError'],
    [Symbol('x'), 'The task threw Symbol(x).'],
    [Object.create(null), 'The task threw {}.'],
    [
      {
        get message() {
          throw new Error('no')
        },
      },
      'The task threw an object with message.',
    ],
    [
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('no')
          },
          ownKeys: () => {
            throw new Error('no')
          },
        },
      ),
      'The task threw an object with fields that cannot be read.',
    ],
  ])('%# is readable', (thrown, message) => {
    expect(describeFailure(thrown)).toMatchObject({ code: 'task_failed', message })
  })
})

describe('usage', () => {
  it('with unknown tokens has an unknown sum, and an invalid number is unknown', () => {
    const call = { provider: 'p', costMicroUsd: 5 }
    const known = { inputTokens: 1, outputTokens: 2, cachedTokens: 1, reasoningTokens: null }
    const one = addCall(undefined, known, call)
    expect(addCall(one, known, call)).toMatchObject({
      inputTokens: 2,
      outputTokens: 4,
      cachedTokens: 2,
      costMicroUsd: 10,
    })
    const hole = addCall(one, { ...known, inputTokens: null }, { ...call, costMicroUsd: null })
    expect(addCall(hole, known, call)).toMatchObject({
      inputTokens: null,
      outputTokens: 6,
      costMicroUsd: null,
    })
    expect([Number.NaN, -1, 0.5, 1e12, '5', null, undefined, {}].map(readTokens)).toEqual(Array(8).fill(null))
  })
})

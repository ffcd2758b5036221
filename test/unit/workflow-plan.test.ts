import { describe, expect, it } from 'vitest'
import { compileWorkflow, type WorkflowBody } from '../../functions/core/domain/workflow/compile.ts'
import { conditionHolds } from '../../functions/core/domain/workflow/condition.ts'
import type { PlanNode } from '../../functions/core/domain/workflow/plan.ts'
import {
  parseReference,
  readReference,
  resolveReferences,
} from '../../functions/core/domain/workflow/references.ts'

const add = (x: unknown = 1, more: object = {}) => ({ type: 'example.add', input: { x, y: 1 }, ...more })

function nodesOf(body: WorkflowBody): readonly PlanNode[] {
  const compiled = compileWorkflow(body)
  if ('errors' in compiled) throw new Error(JSON.stringify(compiled.errors))
  return compiled.plan.nodes
}
const shape = (body: WorkflowBody) => nodesOf(body).map(({ name, kind, after }) => [name, kind, after])
const errorsOf = (body: unknown) => {
  const compiled = compileWorkflow(body as WorkflowBody)
  return 'errors' in compiled ? compiled.errors.map(({ path, message }) => `${path}: ${message}`) : []
}

describe('the plan of', () => {
  it('a chain: each step after the one before', () => {
    expect(shape({ chain: [add(), add(), add()] })).toEqual([
      ['1', 'task', []],
      ['2', 'task', ['1']],
      ['3', 'task', ['2']],
    ])
  })

  it('a group of equal tasks: one node, however many tasks', () => {
    const nodes = nodesOf({ group: Array.from({ length: 10_000 }, () => add()) })
    expect(nodes).toHaveLength(1)
    expect(nodes[0]).toMatchObject({ kind: 'group', name: 'group' })
  })

  it('a chord: its body after the whole group', () => {
    expect(shape({ chord: { group: [add(), add()], then: add({ $from: 'previous.results' }) } })).toEqual([
      ['group', 'group', []],
      ['then', 'task', ['group']],
    ])
  })

  it('nested forms: a group that contains a chain ends when all its ends have', () => {
    expect(shape({ chain: [add(), { group: [add(), { chain: [add(), add()] }] }, add()] })).toEqual([
      ['1', 'task', []],
      ['2-1', 'task', ['1']],
      ['2-2-1', 'task', ['1']],
      ['2-2-2', 'task', ['2-2-1']],
      ['3', 'task', ['2-1', '2-2-2']],
    ])
  })

  it('named steps: a reference is a dependency, with or without "after"', () => {
    const body = { steps: { c: add({ $from: 'a.result' }, { after: ['b'] }), a: add(), b: add() } }
    expect(shape(body)).toEqual([
      ['c', 'task', ['b', 'a']],
      ['a', 'task', []],
      ['b', 'task', []],
    ])
  })

  it('a wait and a condition', () => {
    const nodes = nodesOf({
      steps: {
        ask: { wait: { signal: 'approve', timeout_seconds: 60, on_timeout: 'continue' } },
        go: add(1, { after: ['ask'], if: { $from: 'ask.status', equals: 'COMPLETED' } }),
      },
    })
    expect(nodes[0]).toMatchObject({
      kind: 'wait',
      signal: 'approve',
      timeoutMs: 60_000,
      onTimeout: 'continue',
    })
    expect(nodes[1]).toMatchObject({ after: ['ask'], if: { $from: 'ask.status' } })
  })
})

describe('a workflow that is refused names the place of the mistake', () => {
  it.each([
    [{}, /^: must have exactly one of chain, group, chord, steps, not 0/],
    [{ chain: [add()], group: [add()] }, /not 2/],
    [{ chain: [] }, /^chain: must have at least one step/],
    [{ steps: {} }, /^steps: must have at least one/],
    [{ steps: { a: add(1, { after: ['b'] }) } }, /^steps\.a\.after: "b" is no step/],
    [{ steps: { a: add({ $from: 'b.result' }) } }, /^steps\.a\.input\.x: "b" is no step/],
    [{ steps: { a: add({ $from: 'a.result' }) } }, /^steps\.a\.input\.x: refers to its own step/],
    [{ steps: { a: add({ $from: 'a' }) } }, /^steps\.a\.input\.x: "a" must be a step's name, then one of/],
    [
      { steps: { a: add(1, { after: ['b'] }), b: add(1, { after: ['a'] }) } },
      /^steps\.a: is in a cycle: a → b → a\.$/,
    ],
    [{ steps: { a: add(1, { after: ['a'] }) } }, /^steps\.a: is in a cycle: a → a\.$/],
    [
      {
        steps: {
          behind: add(1, { after: ['a'] }),
          a: add(1, { after: ['b'] }),
          b: add(1, { after: ['c'] }),
          c: add(1, { after: ['a'] }),
        },
      },
      /^steps\.a: is in a cycle: a → c → b → a\.$/,
    ],
    [{ chain: [add({ $from: 'previous.result' })] }, /^chain\.0\.input\.x: "previous" means nothing here/],
    [{ chain: [add(), { chain: [add()], group: [add()] }] }, /^chain\.1: must have one of/],
    [{ chain: [{ input: {} }] }, /^chain\.0: must be a task with a "type"/],
    [
      { chain: [add(1, { name: 'a' }), add(1, { name: 'a' })] },
      /^chain\.1: has the name "a" of the step at chain\.0/,
    ],
    [{ chain: [add(1, { name: 'previous' })] }, /^chain\.0\.name: "previous" must begin/],
    [
      { chain: [{ type: 't', input: [{ $each: 'previous.result' }, { $each: 'previous.result' }] }] },
      /is a second "\$each"/,
    ],
    [{ group: Array.from({ length: 10_001 }, () => add()) }, /^group: has 10001 tasks; at most 10000 fit/],
    [{ chain: Array.from({ length: 501 }, () => add()) }, /^chain\.500: is step 501; at most 500 fit/],
    [{ chain: [add(), { wait: { signal: 's' }, input: 1 }] }, /^chain\.1\.input: does not go with wait/],
  ])('%#', (body, message) => {
    expect(errorsOf(body)[0] ?? 'accepted').toMatch(message)
  })

  it('names such as constructor and __proto__ are ordinary names, or refused; nothing is inherited', () => {
    expect(errorsOf({ steps: { a: add({ $from: 'constructor.result' }) } })[0]).toMatch(
      /"constructor" is no step/,
    )
    expect(errorsOf(JSON.parse('{"steps": {"__proto__": {"type": "t"}}}'))[0]).toMatch(/__proto__/)
    expect(
      shape({ steps: { constructor: add(), b: add({ $from: 'constructor.result' }) } as never })[1],
    ).toEqual(['b', 'task', ['constructor']])
  })
})

describe('a reference', () => {
  const values = new Map([
    ['a', { status: 'COMPLETED', result: { items: [{ text: 'one' }], none: null } }],
    ['g', { status: 'COMPLETED', results: [1, 2] }],
    ['skipped', { status: 'SKIPPED' }],
  ])
  const read = (text: string, fallback: { default?: unknown } = {}) => {
    const reference = parseReference(text)
    if (typeof reference === 'string') throw new Error(reference)
    return readReference(reference, (name) => values.get(name), fallback)
  }
  it('reads fields and indexes', () => {
    expect(read('a.result.items[0].text')).toBe('one')
    expect(read('a.result.items.0.text')).toBe('one')
    expect(read('a.result.none')).toBe(null)
    expect(read('a.status')).toBe('COMPLETED')
    expect(read('g.results')).toEqual([1, 2])
    expect(read('g.result')).toEqual([1, 2])
    expect(read('a.results')).toEqual([{ items: [{ text: 'one' }], none: null }])
    expect(read('a.error')).toBe(null)
  })
  it('to a skipped step is null, or the default', () => {
    expect(read('skipped.result.text')).toBe(null)
    expect(read('skipped.result.text', { default: 7 })).toBe(7)
  })
  it('to nothing is an error, and inherits nothing', () => {
    expect(() => read('a.result.nothing')).toThrow(
      '"a.result.nothing" leads nowhere: the value has no "nothing".',
    )
    expect(() => read('a.result.constructor')).toThrow(/leads nowhere/)
    expect(read('a.result.nothing', { default: null })).toBe(null)
  })
  it('is replaced at any place; a literal is not', () => {
    const input = {
      x: { $from: 'g.results' },
      y: [{ $each: 'g.results' }],
      z: { $literal: { $from: 'as is' } },
    }
    const filled = resolveReferences(
      input,
      (reference, fallback) => readReference(reference, (name) => values.get(name), fallback),
      {
        value: 2,
      },
    )
    expect(filled).toEqual({ x: [1, 2], y: [2], z: { $from: 'as is' } })
  })
})

describe('a condition', () => {
  it.each([
    [{}, true, true],
    [{}, 0, false],
    [{ equals: { a: [1] } }, { a: [1] }, true],
    [{ equals: { a: [1] } }, { a: [2] }, false],
    [{ not_equals: 'x' }, 'y', true],
    [{ in: [1, 2] }, 2, true],
    [{ greater_than: 3 }, 4, true],
    [{ greater_than: 3 }, '4', false],
    [{ less_than: 3, greater_than: 1 }, 2, true],
  ])('%j of %j is %s', (condition, value, holds) => {
    expect(conditionHolds({ $from: 'a.result', ...condition }, value)).toBe(holds)
  })
})

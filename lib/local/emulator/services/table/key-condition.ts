/** The range of a query: one partition, and a range of its sort keys. */
import { invalidRequest } from './errors.ts'
import { givenValue, type Scope, toName } from './evaluate.ts'
import type { Condition, Operand } from './expression.ts'
import type { Range } from './rows.ts'
import { encodeKey, type KeyShape, type TableShape } from './shape.ts'
import { textOf, typeOf, type Value } from './values.ts'

type Bounds = Range['bounds']

/** @throws TableError for anything but `hash = :value`, alone or with one condition on the sort key. */
export function toKeyCondition(
  condition: Condition,
  keys: KeyShape,
  { types }: TableShape,
  scope: Scope,
): { readonly hash: string; readonly bounds: Bounds } {
  let hash: string | undefined
  let bounds: Bounds | undefined
  const read = (operand: Operand | undefined, name: string): Value => {
    if (operand?.kind !== 'value') throw refused('a key is compared with a value')
    const value = givenValue(operand.name, scope)
    if (typeOf(value) !== types[name])
      throw invalidRequest(
        'One or more parameter values were invalid: Condition parameter type does not match schema type',
      )
    return value
  }
  for (const part of partsOf(condition)) {
    const of = part.kind === 'compare' ? part.left : part.of
    if (of.kind !== 'path' || of.path.length !== 1) throw refused('a key is named alone, on the left')
    const name = toName(of.path[0] as string, scope)
    if (name === keys.hash && hash === undefined) {
      if (part.kind !== 'compare' || part.by !== '=')
        throw invalidRequest('Query key condition not supported')
      hash = encodeKey(read(part.right, name))
    } else if (name === keys.range && bounds === undefined)
      bounds = toBounds(part, (operand) => read(operand, name))
    else throw invalidRequest(`Query condition missed key schema element: ${keys.hash}`)
  }
  if (hash === undefined) throw invalidRequest(`Query condition missed key schema element: ${keys.hash}`)
  return { hash, bounds: bounds ?? [] }
}

const refused = (why: string) => invalidRequest(`Invalid KeyConditionExpression: ${why}`)

type Test = Extract<Condition, { kind: 'compare' | 'between' | 'call' }>

function partsOf(condition: Condition): Test[] {
  if (condition.kind === 'and') return [...partsOf(condition.left), ...partsOf(condition.right)]
  if (condition.kind === 'compare' || condition.kind === 'between' || condition.kind === 'call')
    return [condition]
  throw invalidRequest(`Invalid operator used in KeyConditionExpression: ${condition.kind.toUpperCase()}`)
}

function toBounds(test: Test, read: (operand: Operand | undefined) => Value): Bounds {
  if (test.kind === 'compare') {
    if (test.by === '<>') throw invalidRequest('Invalid operator used in KeyConditionExpression: <>')
    return [{ by: test.by, key: encodeKey(read(test.right)) }]
  }
  if (test.kind === 'between')
    return [
      { by: '>=', key: encodeKey(read(test.low)) },
      { by: '<=', key: encodeKey(read(test.high)) },
    ]
  if (test.name !== 'begins_with')
    throw invalidRequest(`Invalid operator used in KeyConditionExpression: ${test.name}`)
  const start = read(test.by)
  if (typeOf(start) !== 'S') throw refused('begins_with is for texts')
  return [
    { by: '>=', key: textOf(start) },
    { by: '<', key: `${textOf(start)}\u{10ffff}` },
  ]
}

/** Evaluates conditions on an item. A comparison with a missing attribute is false. */
import { invalidRequest } from './errors.ts'
import type { Condition, Operand, Path } from './expression.ts'
import { compareNumbers } from './numbers.ts'
import {
  contentOf,
  type Item,
  isSet,
  listOf,
  mapOf,
  membersOf,
  ownValue,
  typeOf,
  type Value,
} from './values.ts'

/** The placeholders of one request. */
export interface Scope {
  readonly names: Readonly<Record<string, string>>
  readonly values: Item
}

export const toName = (part: string, { names }: Scope): string =>
  part.startsWith('#') ? (names[part] as string) : part

export function givenValue(name: string, { values }: Scope): Value {
  return values[name] as Value
}

export function find(item: Item, path: Path, scope: Scope): Value | undefined {
  const [first, ...rest] = path
  let value = ownValue(item, toName(first as string, scope))
  for (const part of rest) {
    if (value === undefined) return undefined
    if (typeof part === 'number') value = value.L ? listOf(value)[part] : undefined
    else value = value.M ? ownValue(mapOf(value), toName(part, scope)) : undefined
  }
  return value
}

export function operandOf(operand: Operand, item: Item, scope: Scope): Value | undefined {
  if (operand.kind === 'value') return givenValue(operand.name, scope)
  if (operand.kind === 'path') return find(item, operand.path, scope)
  const value = operandOf(operand.of, item, scope)
  const size = value && sizeOf(value)
  return size === undefined ? undefined : { N: String(size) }
}

function sizeOf(value: Value): number | undefined {
  const type = typeOf(value)
  if (type === 'S') return (value.S as string).length
  if (type === 'B') return Buffer.byteLength(value.B as string, 'base64')
  if (type === 'L') return listOf(value).length
  if (type === 'M') return Object.keys(mapOf(value)).length
  return isSet(type) ? membersOf(value).length : undefined
}

/** @returns undefined for types that cannot be ordered. */
export function compareValues(left: Value, right: Value): number | undefined {
  const type = typeOf(left)
  if (type !== typeOf(right)) return undefined
  if (type === 'N') return compareNumbers(left.N as string, right.N as string)
  if (type === 'S') return Buffer.compare(Buffer.from(left.S as string), Buffer.from(right.S as string))
  if (type === 'B')
    return Buffer.compare(Buffer.from(left.B as string, 'base64'), Buffer.from(right.B as string, 'base64'))
  return undefined
}

export function isEqual(left: Value, right: Value): boolean {
  const type = typeOf(left)
  if (type !== typeOf(right)) return false
  if (type === 'N' || type === 'B' || type === 'S') return compareValues(left, right) === 0
  if (isSet(type)) {
    const members = new Set(membersOf(left))
    return members.size === membersOf(right).length && membersOf(right).every((member) => members.has(member))
  }
  if (type === 'L') {
    const [a, b] = [listOf(left), listOf(right)]
    return a.length === b.length && a.every((value, index) => isEqual(value, b[index] as Value))
  }
  if (type === 'M') {
    const [a, b] = [mapOf(left), mapOf(right)]
    const names = Object.keys(a)
    return (
      names.length === Object.keys(b).length &&
      names.every((name) => Object.hasOwn(b, name) && isEqual(a[name] as Value, b[name] as Value))
    )
  }
  return contentOf(left) === contentOf(right)
}

export function isConditionMet(condition: Condition, item: Item, scope: Scope): boolean {
  switch (condition.kind) {
    case 'and':
    case 'or': {
      // Both sides are always evaluated, so that an error in one is reported whatever the other is.
      const left = isConditionMet(condition.left, item, scope)
      const right = isConditionMet(condition.right, item, scope)
      return condition.kind === 'and' ? left && right : left || right
    }
    case 'not':
      return !isConditionMet(condition.of, item, scope)
    case 'call':
      return callHolds(condition, item, scope)
    case 'in': {
      const value = operandOf(condition.of, item, scope)
      return condition.among.some((operand) => {
        const other = operandOf(operand, item, scope)
        return value !== undefined && other !== undefined && isEqual(value, other)
      })
    }
    case 'between': {
      const [value, low, high] = [condition.of, condition.low, condition.high].map((operand) =>
        operandOf(operand, item, scope),
      )
      checkOrdered([condition.of, condition.low, condition.high], 'BETWEEN', scope)
      if (condition.low.kind === 'value' && condition.high.kind === 'value' && low && high)
        if ((compareValues(low, high) ?? 1) > 0)
          throw invalidRequest(
            'Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound, of the same type',
          )
      if (!value || !low || !high) return false
      return (compareValues(value, low) ?? -1) >= 0 && (compareValues(value, high) ?? 1) <= 0
    }
    case 'compare': {
      const left = operandOf(condition.left, item, scope)
      const right = operandOf(condition.right, item, scope)
      if (condition.by === '<>')
        return left === undefined || right === undefined ? left !== right : !isEqual(left, right)
      if (condition.by !== '=') checkOrdered([condition.left, condition.right], condition.by, scope)
      if (left === undefined || right === undefined) return false
      if (condition.by === '=') return isEqual(left, right)
      const order = compareValues(left, right)
      if (order === undefined) return false
      return { '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[condition.by]
    }
  }
}

/** @throws TableError for a given value that cannot be ordered. */
function checkOrdered(operands: readonly Operand[], operator: string, scope: Scope): void {
  for (const operand of operands) {
    const type = operand.kind === 'value' ? typeOf(givenValue(operand.name, scope)) : 'S'
    if (type !== 'S' && type !== 'N' && type !== 'B')
      throw invalidRequest(
        `Invalid ConditionExpression: Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${type}`,
      )
  }
}

function callHolds(
  { name, of, by }: Condition & { readonly kind: 'call' },
  item: Item,
  scope: Scope,
): boolean {
  const value = operandOf(of, item, scope)
  if (name === 'attribute_exists') return value !== undefined
  if (name === 'attribute_not_exists') return value === undefined
  const other = by && operandOf(by, item, scope)
  if (value === undefined || other === undefined) return false
  if (name === 'attribute_type') {
    if (typeof other.S !== 'string')
      throw invalidRequest('Invalid ConditionExpression: attribute_type wants a string')
    return typeOf(value) === other.S
  }
  if (name === 'begins_with') {
    if (typeOf(value) === 'S' && typeOf(other) === 'S')
      return (value.S as string).startsWith(other.S as string)
    if (typeOf(value) !== 'B' || typeOf(other) !== 'B') return false
    const [whole, start] = [value.B, other.B].map((text) => Buffer.from(text as string, 'base64'))
    return whole?.subarray(0, start?.length).equals(start as Buffer) ?? false
  }
  return contains(value, other)
}

function contains(value: Value, other: Value): boolean {
  const type = typeOf(value)
  if (type === 'S') return typeOf(other) === 'S' && (value.S as string).includes(other.S as string)
  if (type === 'L') return listOf(value).some((member) => isEqual(member, other))
  return isSet(type) && type[0] === typeOf(other) && membersOf(value).includes(String(contentOf(other)))
}

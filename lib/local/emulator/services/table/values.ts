/** Attribute values in the protocol's form: one letter for the type, then the value. */
import { invalidRequest } from './errors.ts'
import { canonicalNumber } from './numbers.ts'

export type Type = 'S' | 'N' | 'B' | 'BOOL' | 'NULL' | 'M' | 'L' | 'SS' | 'NS' | 'BS'
export type Value = { readonly [Letter in Type]?: unknown }
export type Item = Record<string, Value>

const MAX_DEPTH = 32
const TYPES: ReadonlySet<string> = new Set(['S', 'N', 'B', 'BOOL', 'NULL', 'M', 'L', 'SS', 'NS', 'BS'])

export const typeOf = (value: Value): Type => Object.keys(value)[0] as Type
export const contentOf = (value: Value): unknown => value[typeOf(value)]
export const textOf = (value: Value): string => String(contentOf(value))
export const listOf = (value: Value): readonly Value[] => (value.L ?? []) as Value[]
export const mapOf = (value: Value): Item => (value.M ?? {}) as Item
export const membersOf = (value: Value): readonly string[] => (contentOf(value) ?? []) as string[]
export const isSet = (type: Type): boolean => type === 'SS' || type === 'NS' || type === 'BS'

/** Sets an own property of any name: `__proto__` is an attribute like any other. */
export function setOwn(record: Item, name: string, value: Value): void {
  Object.defineProperty(record, name, { value, writable: true, enumerable: true, configurable: true })
}

export const ownValue = (record: Item, name: string): Value | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined

/** Checks a value and converts its numbers to the canonical form. @throws TableError */
export function checkValue(given: unknown, depth = 0): Value {
  if (depth > MAX_DEPTH) throw invalidRequest('Nesting Levels have exceeded supported limits')
  const letters = given !== null && typeof given === 'object' ? Object.keys(given) : []
  const [letter = ''] = letters
  if (letters.length !== 1 || !TYPES.has(letter))
    throw invalidRequest(
      'Supplied AttributeValue is empty, must contain exactly one of the supported datatypes',
    )
  const content = (given as Value)[letter as Type]
  const wrong = () => invalidRequest(`A value of type ${letter} has another type in it`)
  switch (letter as Type) {
    case 'S':
    case 'B':
      if (typeof content !== 'string') throw wrong()
      return given as Value
    case 'N':
      if (typeof content !== 'string') throw wrong()
      return { N: canonicalNumber(content) }
    case 'BOOL':
      if (typeof content !== 'boolean') throw wrong()
      return given as Value
    case 'NULL':
      if (content !== true)
        throw invalidRequest(
          'One or more parameter values were invalid: Null attribute value types must have the value of true',
        )
      return given as Value
    case 'M':
      if (content === null || typeof content !== 'object' || Array.isArray(content)) throw wrong()
      return { M: checkItem(content as Item, depth + 1) }
    case 'L':
      if (!Array.isArray(content)) throw wrong()
      return { L: content.map((value) => checkValue(value, depth + 1)) }
    default:
      return checkSet(letter as Type, content)
  }
}

/** @throws TableError */
export function checkItem(given: Item, depth = 0): Item {
  const item: Item = {}
  for (const [name, value] of Object.entries(given)) setOwn(item, name, checkValue(value, depth))
  return item
}

function checkSet(letter: Type, content: unknown): Value {
  if (!Array.isArray(content) || !content.every((member) => typeof member === 'string'))
    throw invalidRequest(`A value of type ${letter} has another type in it`)
  if (content.length === 0)
    throw invalidRequest('One or more parameter values were invalid: An set of values may not be empty')
  const members = letter === 'NS' ? content.map(canonicalNumber) : content
  if (new Set(members).size < members.length)
    throw invalidRequest('One or more parameter values were invalid: Input collection contains duplicates.')
  return { [letter]: members }
}

/** Size of an item by DynamoDB's rules: names and values, three bytes for a list or map and one for each element. */
export const itemBytes = (item: Item): number =>
  Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value), 0)

export function valueBytes(value: Value): number {
  const type = typeOf(value)
  switch (type) {
    case 'S':
      return Buffer.byteLength(value.S as string)
    case 'N':
      return numberBytes(value.N as string)
    case 'B':
      return Buffer.byteLength(value.B as string, 'base64')
    case 'BOOL':
    case 'NULL':
      return 1
    case 'L':
      return 3 + listOf(value).reduce((sum, member) => sum + 1 + valueBytes(member), 0)
    case 'M':
      return 3 + Object.keys(mapOf(value)).length + itemBytes(mapOf(value))
    default:
      return membersOf(value).reduce((sum, member) => sum + valueBytes({ [type[0] as 'S']: member }), 0)
  }
}

/** About one byte per two digits, and one more. */
const numberBytes = (text: string): number =>
  Math.ceil(text.replace(/[^\d]/g, '').replace(/^0+|0+$/g, '').length / 2) +
  1 +
  (text.startsWith('-') ? 1 : 0)

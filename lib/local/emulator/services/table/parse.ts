/** Parses DynamoDB's expressions. A text outside the grammar is an error that names the place. */
import { invalidRequest } from './errors.ts'
import { type Condition, type Parsed, Reader, type Term, type Update } from './expression.ts'

const MAX_IN_OPERANDS = 100

/** Each text is parsed once: the product sends few different ones, with other values. */
function cached<Tree>(kind: string, read: (reader: Reader) => Tree) {
  const known = new Map<string, Parsed<Tree>>()
  return (text: string, own = kind): Parsed<Tree> => {
    const found = known.get(`${own}\0${text}`)
    if (found) return found
    const reader = new Reader(own, text)
    const tree = read(reader)
    reader.end()
    const parsed = { tree, names: reader.names, bare: reader.bare, values: reader.values }
    if (known.size >= 1_000) known.clear()
    known.set(`${own}\0${text}`, parsed)
    return parsed
  }
}

export const parseProjection = cached('ProjectionExpression', (reader) => reader.list(() => reader.path()))
export const parseCondition = cached('ConditionExpression', readOr)

function readOr(reader: Reader): Condition {
  let left = readAnd(reader)
  while (reader.takes('OR')) left = { kind: 'or', left, right: readAnd(reader) }
  return left
}

function readAnd(reader: Reader): Condition {
  let left = readNot(reader)
  while (reader.takes('AND')) left = { kind: 'and', left, right: readNot(reader) }
  return left
}

function readNot(reader: Reader): Condition {
  if (reader.takes('NOT')) return { kind: 'not', of: readNot(reader) }
  if (!reader.takes('(')) return readTest(reader)
  const inner = readOr(reader)
  reader.expect(')')
  return inner
}

/** Functions of a condition, with their number of operands. */
const CALLS: Readonly<Record<string, number>> = {
  attribute_exists: 1,
  attribute_not_exists: 1,
  attribute_type: 2,
  begins_with: 2,
  contains: 2,
}

function readTest(reader: Reader): Condition {
  const name = reader.peek ?? ''
  if (reader.isAtCall && name !== 'size') {
    if (!Object.hasOwn(CALLS, name))
      throw invalidRequest(`Invalid ConditionExpression: Invalid function name; function: ${name}`)
    reader.next()
    reader.next()
    const [of, by, more] = reader.list(() => reader.operand())
    reader.expect(')')
    if (!of || more || (CALLS[name] === 2) !== (by !== undefined))
      throw invalidRequest(
        `Invalid ConditionExpression: Incorrect number of operands for operator or function; operator or function: ${name}`,
      )
    if (of.kind !== 'path' && name.startsWith('attribute_'))
      throw invalidRequest(
        `Invalid ConditionExpression: Operator or function requires a document path; operator or function: ${name}`,
      )
    return by ? { kind: 'call', name, of, by } : { kind: 'call', name, of }
  }
  const of = reader.operand()
  const by = reader.comparator()
  if (by) return { kind: 'compare', by, left: of, right: reader.operand() }
  if (reader.takes('BETWEEN')) {
    const low = reader.operand()
    reader.expect('AND')
    return { kind: 'between', of, low, high: reader.operand() }
  }
  reader.expect('IN')
  reader.expect('(')
  const among = reader.list(() => reader.operand())
  reader.expect(')')
  if (among.length > MAX_IN_OPERANDS)
    throw invalidRequest('Invalid ConditionExpression: The IN operator takes at most 100 operands')
  return { kind: 'in', of, among }
}

export const parseUpdate = cached('UpdateExpression', (reader): Update => {
  const clauses: { -readonly [Key in keyof Update]?: Update[Key] } = {}
  while (reader.peek !== undefined) {
    const word = reader.next().toLowerCase()
    if (word !== 'set' && word !== 'remove' && word !== 'add' && word !== 'delete') throw reader.error(word)
    if (clauses[word])
      throw invalidRequest(
        `Invalid UpdateExpression: The "${word.toUpperCase()}" section can only be used once in an update expression;`,
      )
    if (word === 'set')
      clauses.set = reader.list(() => {
        const path = reader.path()
        reader.expect('=')
        return { path, to: readSum(reader) }
      })
    else if (word === 'remove') clauses.remove = reader.list(() => reader.path())
    else clauses[word] = reader.list(() => ({ path: reader.path(), value: reader.valueName() }))
  }
  return { set: [], remove: [], add: [], delete: [], ...clauses }
})

function readSum(reader: Reader): Term {
  const left = readTerm(reader)
  if (reader.takes('+')) return { kind: '+', left, right: readTerm(reader) }
  if (reader.takes('-')) return { kind: '-', left, right: readTerm(reader) }
  return left
}

function readTerm(reader: Reader): Term {
  if (reader.takes('(')) {
    const inner = readSum(reader)
    reader.expect(')')
    return inner
  }
  if (reader.isCall('if_not_exists')) {
    reader.next()
    reader.next()
    const path = reader.path()
    reader.expect(',')
    const otherwise = readTerm(reader)
    reader.expect(')')
    return { kind: 'if_not_exists', path, otherwise }
  }
  if (reader.isCall('list_append')) {
    reader.next()
    reader.next()
    const left = readTerm(reader)
    reader.expect(',')
    const right = readTerm(reader)
    reader.expect(')')
    return { kind: 'list_append', left, right }
  }
  if (reader.isCall('size')) throw reader.error()
  return reader.operand()
}

/** Applies update expressions and projections to items. */
import { invalidRequest } from './errors.ts'
import { find, givenValue, operandOf, type Scope, toName } from './evaluate.ts'
import type { Path, Term, Update } from './expression.ts'
import { addNumbers } from './numbers.ts'
import { type Item, isSet, listOf, mapOf, membersOf, ownValue, setOwn, typeOf, type Value } from './values.ts'

/** @returns the changed item; the given one is not changed. All operands are read before anything is written. */
export function applyUpdate(before: Item, update: Update, scope: Scope): Item {
  const paths = [
    ...[...update.set, ...update.add, ...update.delete].map(({ path }) => path),
    ...update.remove,
  ]
  checkOverlap(paths, scope)
  const isShallow = paths.every(({ length }) => length === 1)
  const item = isShallow ? { ...before } : (JSON.parse(JSON.stringify(before)) as Item)
  const written = update.set.map(({ path, to }) => ({ path, value: termOf(to, before, scope) }))
  for (const { path, value } of written) write(item, path, scope, value)
  for (const { path, value } of update.add)
    write(item, path, scope, added(find(before, path, scope), givenValue(value, scope)))
  for (const { path, value } of update.delete) {
    const left = taken(find(before, path, scope), givenValue(value, scope))
    if (left) write(item, path, scope, left)
    else remove(item, path, scope)
  }
  // From the end, so that earlier indexes stay valid.
  for (const path of update.remove.toSorted((a, b) => Number(b.at(-1)) - Number(a.at(-1))))
    remove(item, path, scope)
  return item
}

function checkOverlap(paths: readonly Path[], scope: Scope): void {
  const resolved = paths.map((path) =>
    path.map((part) => (typeof part === 'string' ? toName(part, scope) : part)),
  )
  for (const [index, path] of resolved.entries())
    for (const other of resolved.slice(index + 1)) {
      const shared = Math.min(path.length, other.length)
      if (path.slice(0, shared).every((part, at) => part === other[at]))
        throw invalidRequest(
          'Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths',
        )
    }
}

function termOf(term: Term, item: Item, scope: Scope): Value {
  switch (term.kind) {
    case 'if_not_exists':
      return find(item, term.path, scope) ?? termOf(term.otherwise, item, scope)
    case 'list_append': {
      const [left, right] = [termOf(term.left, item, scope), termOf(term.right, item, scope)]
      if (!left.L || !right.L) throw wrongType('list_append')
      return { L: [...listOf(left), ...listOf(right)] }
    }
    case '+':
    case '-': {
      const [left, right] = [termOf(term.left, item, scope), termOf(term.right, item, scope)]
      if (left.N === undefined || right.N === undefined) throw wrongType(term.kind)
      return { N: addNumbers(String(left.N), String(right.N), term.kind === '+' ? 1 : -1) }
    }
    default: {
      const value = operandOf(term, item, scope)
      if (!value)
        throw invalidRequest('The provided expression refers to an attribute that does not exist in the item')
      return value
    }
  }
}

const wrongType = (operator: string) =>
  invalidRequest(`An operand in the update expression has an incorrect data type; operator: ${operator}`)

function added(present: Value | undefined, given: Value): Value {
  const type = typeOf(given)
  if (type !== 'N' && !isSet(type)) throw wrongType('ADD')
  if (!present) return given
  if (typeOf(present) !== type) throw wrongType('ADD')
  if (type === 'N') return { N: addNumbers(String(present.N), String(given.N), 1) }
  return { [type]: [...new Set([...membersOf(present), ...membersOf(given)])] }
}

/** @returns undefined when the set becomes empty, because empty sets do not exist. */
function taken(present: Value | undefined, given: Value): Value | undefined {
  const type = typeOf(given)
  if (!isSet(type)) throw wrongType('DELETE')
  if (!present) return undefined
  if (typeOf(present) !== type) throw wrongType('DELETE')
  const gone = new Set(membersOf(given))
  const left = membersOf(present).filter((member) => !gone.has(member))
  return left.length > 0 ? { [type]: left } : undefined
}

/** The map or list that contains the last part of a path. */
function holderOf(item: Item, path: Path, scope: Scope): Value | undefined {
  return path.length === 1 ? { M: item } : find(item, path.slice(0, -1), scope)
}

function write(item: Item, path: Path, scope: Scope, value: Value): void {
  const holder = holderOf(item, path, scope)
  const last = path.at(-1)
  if (typeof last === 'number' && holder?.L) {
    const list = holder.L as Value[]
    list[Math.min(last, list.length)] = value
  } else if (typeof last === 'string' && holder?.M) setOwn(mapOf(holder), toName(last, scope), value)
  else throw invalidRequest('The document path provided in the update expression is invalid for update')
}

function remove(item: Item, path: Path, scope: Scope): void {
  const holder = holderOf(item, path, scope)
  const last = path.at(-1)
  if (typeof last === 'number' && holder?.L) (holder.L as Value[]).splice(last, 1)
  else if (typeof last === 'string' && holder?.M) delete mapOf(holder)[toName(last, scope)]
  else if (path.length > 1)
    throw invalidRequest('The document path provided in the update expression is invalid for update')
}

/** Keeps only the attributes that the paths name. */
export function applyProjection(item: Item, paths: readonly Path[], scope: Scope): Item {
  const result: Item = {}
  for (const path of paths) {
    if (path.length > 1)
      throw invalidRequest(
        'A projection of nested attributes is not known to the local table (lib/local/emulator/services/table)',
      )
    const name = toName(path[0] as string, scope)
    const value = ownValue(item, name)
    if (value) setOwn(result, name, value)
  }
  return result
}

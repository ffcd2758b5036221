/** Finds values that JSON would change or drop without an error, and those that are nested too deep. */

export interface UnwritableValue {
  /** Dotted path from the value; empty for the value itself. */
  readonly path: string
  readonly reason: string
}

/** Deeper than any useful result. `JSON.stringify` overflows its stack at some thousand levels. */
const MAX_DEPTH = 500

/** Properties that are undefined count as absent; every other value must be the same after writing and reading JSON. */
export function findUnwritable(value: unknown): UnwritableValue | undefined {
  return searchUnwritable(value, [], new Set())
}

function searchUnwritable(
  value: unknown,
  path: readonly string[],
  above: Set<object>,
): UnwritableValue | undefined {
  const is = (reason: string): UnwritableValue => ({ path: path.join('.'), reason })
  switch (typeof value) {
    case 'undefined':
      return is('is undefined')
    case 'bigint':
      return is('is a BigInt; make it a string or a number')
    case 'function':
    case 'symbol':
      return is(`is a ${typeof value}`)
    case 'number':
      return Number.isFinite(value) ? undefined : is(`is ${value}`)
    case 'object':
      break
    default:
      return undefined
  }
  if (value === null) return undefined
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? is('is an invalid Date') : undefined
  if ('toJSON' in value && typeof value.toJSON === 'function' && !ArrayBuffer.isView(value)) {
    const written: unknown = value.toJSON(path.at(-1) ?? '')
    return written === value || written === undefined ? undefined : searchUnwritable(written, path, above)
  }
  const kind = kindOf(value)
  if (kind) return is(`is a ${kind}; make it an array or a plain object`)
  if (Object.getOwnPropertySymbols(value).length > 0) return is('has a symbol as a key')
  if (above.has(value)) return is('holds itself')
  if (path.length > MAX_DEPTH) return is(`is nested deeper than ${MAX_DEPTH} levels`)
  above.add(value)
  try {
    // Arrays by index, so that holes are found.
    const entries: Iterable<[string | number, unknown]> = Array.isArray(value)
      ? value.entries()
      : Object.entries(value).filter(([, field]) => field !== undefined)
    for (const [name, field] of entries) {
      const found = searchUnwritable(field, [...path, String(name)], above)
      if (found) return found
    }
  } finally {
    above.delete(value)
  }
  return undefined
}

const KINDS = [Map, Set, WeakMap, WeakSet, Promise, RegExp, Error, ArrayBuffer, Number, String, Boolean]

/** Includes objects whose content is private, which JSON writes as `{}`: an iterator, a `URLSearchParams`. */
const kindOf = (value: object): string | undefined =>
  KINDS.some((kind) => value instanceof kind) ||
  ArrayBuffer.isView(value) ||
  (!isPlain(value) && Object.keys(value).length === 0)
    ? (value.constructor?.name ?? Object.prototype.toString.call(value).slice(8, -1))
    : undefined

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  // Plain objects of another realm (e.g. `node:vm`) have another `Object.prototype`.
  return Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype as object) === null
}

/** Iterative, because recursion would overflow the stack that this check protects. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true
    level = level.flatMap((item) => (item !== null && typeof item === 'object' ? Object.values(item) : []))
  }
  return false
}

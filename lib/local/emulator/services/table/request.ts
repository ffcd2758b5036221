/** What every operation checks of its request: known fields only, placeholders defined and used. */
import { invalid, unknown } from './errors.ts'
import type { Scope } from './evaluate.ts'
import type { Parsed } from './expression.ts'
import { checkValue, type Item, setOwn } from './values.ts'

export type Request = Readonly<Record<string, unknown>>

/** Never taken for something else: what this table does not know is refused by name. @throws TableError */
export function checkFields(operation: string, request: Request, known: readonly string[]): void {
  for (const name of Object.keys(request))
    if (!known.includes(name) && request[name] !== undefined) throw unknown(`${operation}: ${name}`)
}

/** @throws TableError for another value than one of these. */
export function oneOf<Choice extends string>(
  request: Request,
  name: string,
  choices: readonly Choice[],
): Choice {
  const value = request[name] ?? choices[0]
  if (!choices.includes(value as Choice)) throw unknown(`${name} ${JSON.stringify(value)}`)
  return value as Choice
}

export function optionalText(request: Request, name: string): string | undefined {
  const value = request[name]
  if (value !== undefined && typeof value !== 'string') throw invalid(`${name} must be a string`)
  return value
}

/** What the placeholders stand for. @throws TableError when one is missing, or given and not used. */
export function scopeOf(request: Request, expressions: readonly (Parsed<unknown> | undefined)[]): Scope {
  const names = Object.assign(Object.create(null), request.ExpressionAttributeNames) as Record<string, string>
  const values = Object.create(null) as Item
  for (const [name, value] of Object.entries((request.ExpressionAttributeValues ?? {}) as Item))
    setOwn(values, name, checkValue(value))
  check(
    'ExpressionAttributeNames',
    Object.keys(names),
    expressions.map((parsed) => parsed?.names),
  )
  check(
    'ExpressionAttributeValues',
    Object.keys(values),
    expressions.map((parsed) => parsed?.values),
  )
  return { names, values }
}

function check(
  what: string,
  given: readonly string[],
  used: readonly (ReadonlySet<string> | undefined)[],
): void {
  const all = new Set(used.flatMap((set) => [...(set ?? [])]))
  const missing = [...all].filter((name) => !given.includes(name))
  if (missing.length > 0)
    throw invalid(
      what === 'ExpressionAttributeNames'
        ? `Invalid expression: An expression attribute name used in the document path is not defined; attribute name: ${missing[0]}`
        : `Invalid expression: An expression attribute value used in expression is not defined; attribute value: ${missing[0]}`,
    )
  const unused = given.filter((name) => !all.has(name))
  if (unused.length > 0)
    throw invalid(`Value provided in ${what} unused in expressions: keys: {${unused.join(', ')}}`)
}

/** Checks of every operation's request: only known fields, and placeholders that are defined and used. */
import { invalidRequest, unsupportedFeature } from './errors.ts'
import type { Scope } from './evaluate.ts'
import type { Parsed } from './expression.ts'
import { checkValue, type Item, setOwn } from './values.ts'

export type Request = Readonly<Record<string, unknown>>

/** Refuses unsupported fields by name instead of ignoring them. @throws TableError */
export function checkFields(operation: string, request: Request, known: readonly string[]): void {
  for (const name of Object.keys(request))
    if (!known.includes(name) && request[name] !== undefined)
      throw unsupportedFeature(`${operation}: ${name}`)
}

/** @throws TableError for any other value. */
export function oneOf<Choice extends string>(
  request: Request,
  name: string,
  choices: readonly Choice[],
): Choice {
  const value = request[name] ?? choices[0]
  if (!choices.includes(value as Choice)) throw unsupportedFeature(`${name} ${JSON.stringify(value)}`)
  return value as Choice
}

export function optionalText(request: Request, name: string): string | undefined {
  const value = request[name]
  if (value !== undefined && typeof value !== 'string') throw invalidRequest(`${name} must be a string`)
  return value
}

/** The request's placeholders. @throws TableError when one is missing, or given and not used. */
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
    throw invalidRequest(
      what === 'ExpressionAttributeNames'
        ? `Invalid expression: An expression attribute name used in the document path is not defined; attribute name: ${missing[0]}`
        : `Invalid expression: An expression attribute value used in expression is not defined; attribute value: ${missing[0]}`,
    )
  const unused = given.filter((name) => !all.has(name))
  if (unused.length > 0)
    throw invalidRequest(`Value provided in ${what} unused in expressions: keys: {${unused.join(', ')}}`)
}

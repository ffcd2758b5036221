/**
 * Checks a value from outside against a schema. The errors say what a field must be, which name was probably meant, and
 * which fields are missing. The schema is typed by its structure, so that the domain does not import zod.
 */
import type { FieldError } from './errors.ts'
import { nearestText } from './nearest-name.ts'

export interface RawIssue {
  readonly code?: string
  readonly input?: unknown
  readonly expected?: string
  readonly origin?: string
  readonly format?: string
  readonly minimum?: number | bigint
  readonly maximum?: number | bigint
  readonly inclusive?: boolean
  readonly divisor?: number | bigint
  readonly values?: readonly unknown[]
  readonly options?: readonly unknown[]
  readonly note?: string
  readonly keys?: readonly string[]
  readonly schema?: unknown
}

interface Issue {
  readonly code?: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
  readonly errors?: readonly (readonly Issue[])[]
}

export interface Shape<Output = unknown> {
  safeParseAsync(
    value: unknown,
    options?: { readonly error: (issue: RawIssue) => string | undefined },
  ): Promise<
    | { readonly success: true; readonly data: Output }
    | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } }
  >
}

export type ShapeCheck<Output> =
  | { readonly isValid: true; readonly value: Output }
  | { readonly isValid: false; readonly errors: readonly FieldError[] }

/** The most errors that one answer lists. */
export const MAX_ERRORS = 20

/** @param prefix where the value sits in the body, e.g. `input`. */
export async function checkShape<Output>(
  shape: Shape<Output>,
  value: unknown,
  prefix = '',
): Promise<ShapeCheck<Output>> {
  /** Unknown field → the field names that its object accepts. */
  const known = new Map<string, readonly string[]>()
  const parsed = await shape.safeParseAsync(value, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys')
        known.set((issue.keys ?? []).join(), Object.keys(fieldsOf(issue.schema) ?? {}))
      return inWords(issue)
    },
  })
  if (parsed.success) return { isValid: true, value: parsed.data }
  const errors = parsed.error.issues.flatMap((issue) => toErrors(issue, prefix === '' ? [] : [prefix], known))
  return { isValid: false, errors: errors.slice(0, MAX_ERRORS) }
}

/** @returns the fields of an object schema, also when it is wrapped in `optional`, `default` or a pipe. */
export function fieldsOf(schema: unknown): Readonly<Record<string, Shape>> | undefined {
  let inner = schema as { shape?: unknown; def?: { innerType?: unknown; in?: unknown } } | undefined
  for (let depth = 0; inner && depth < 10; depth += 1) {
    if (inner.shape !== null && typeof inner.shape === 'object')
      return inner.shape as Readonly<Record<string, Shape>>
    inner = (inner.def?.innerType ?? inner.def?.in) as typeof inner
  }
  return undefined
}

function toErrors(
  issue: Issue,
  prefix: readonly PropertyKey[],
  known: ReadonlyMap<string, readonly string[]>,
): readonly FieldError[] {
  const path = [...prefix, ...issue.path]
  if (issue.code === 'unrecognized_keys')
    return (issue.keys ?? []).slice(0, MAX_ERRORS).map((key) => ({
      path: [...path, key.slice(0, 100)].map(String).join('.'),
      message: unknownField(key, known.get((issue.keys ?? []).join()) ?? []),
    }))
  // Of a union, report only the errors of the branch that the value fits best.
  const branch = issue.code === 'invalid_union' ? nearestBranch(issue.errors ?? []) : undefined
  if (branch) return branch.flatMap((inner) => toErrors(inner, path, known))
  return [{ path: path.map(String).join('.'), message: issue.message }]
}

function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const inside = branches.filter((issues) => issues.every(({ path, keys }) => path.length > 0 || keys))
  return inside.toSorted((left, right) => left.length - right.length)[0]
}

export const unknownField = (name: string, known: readonly string[]): string => {
  if (known.length === 0) return 'is not known; there are no fields here.'
  return `is not a known field.${nearestText(name, known)} Known: ${known.slice(0, 30).join(', ')}.`
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a JSON object',
  record: 'a JSON object',
  null: 'null',
  date: 'a date',
}
const nounOf = (expected = '') => NOUNS[expected] ?? expected

/** @returns undefined where zod's own message is clear enough. */
function inWords(issue: RawIssue): string | undefined {
  const { code, input, origin, minimum, maximum, inclusive = true } = issue
  switch (code) {
    case 'invalid_type':
      if (input === undefined) return 'is missing.'
      return `must be ${nounOf(issue.expected)}${input === null ? ', not null' : ''}.`
    case 'invalid_value':
      if (input === undefined) return 'is missing.'
      return oneOf(issue.values ?? [], input)
    case 'invalid_union':
      if (input === undefined) return 'is missing.'
      if (issue.options) return oneOf(issue.options, undefined)
      return undefined
    case 'too_small':
      if (origin === 'string' || origin === 'array' || origin === 'set')
        return Number(minimum) === 1 && sizeOf(input) === 0
          ? 'must not be empty.'
          : `must have at least ${minimum} ${partsOf(origin)}.`
      return `must be ${inclusive ? 'at least' : 'more than'} ${minimum}.`
    case 'too_big':
      if (origin === 'string' || origin === 'array' || origin === 'set')
        return `must have at most ${maximum} ${partsOf(origin)}.`
      if (issue.note) return `is too large a number: at most ${maximum} is exact. Send it as a text.`
      return `must be ${inclusive ? 'at most' : 'less than'} ${maximum}.`
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}.`
    case 'invalid_format':
      return formatInWords(issue)
    default:
      return undefined
  }
}

function oneOf(values: readonly unknown[], input: unknown): string {
  const names = values.map((value) => JSON.stringify(value) ?? String(value))
  if (names.length === 1) return `must be ${names[0]}.`
  const texts = values.filter((value) => typeof value === 'string')
  const nearest = typeof input === 'string' && texts.length > 0 ? nearestText(input, texts) : ''
  return `must be one of ${names.slice(0, 40).join(', ')}.${nearest}`
}

const sizeOf = (input: unknown) => (input as { length?: number; size?: number } | null)?.length ?? -1
const partsOf = (origin: string) => (origin === 'string' ? 'characters' : 'items')

/** A date and time without a time zone, the default output of many libraries. */
const WITHOUT_ZONE = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$/
/** With an offset as `strftime` writes it. */
const WITHOUT_COLON = /[T ]\d\d:\d\d.*[+-]\d\d(\d\d)?$/
/** A `+` in a query means a space, unless it is encoded. */
const SPACE_FOR_PLUS = /T\d\d:\d\d.* \d\d:?\d\d$/
/** As RFC 3339 writes it, so that only the date or the time can be wrong. */
const OF_DIGITS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

function formatInWords({ format, input }: RawIssue): string | undefined {
  switch (format) {
    case 'datetime':
      if (WITHOUT_ZONE.test(String(input)))
        return 'has no time zone. Add Z for UTC or an offset, e.g. 2030-01-31T09:00:00Z or 2030-01-31T09:00:00+02:00.'
      if (SPACE_FOR_PLUS.test(String(input)))
        return 'has a space before its offset. In a query write the plus sign as %2B.'
      if (WITHOUT_COLON.test(String(input)))
        return 'needs a colon in its offset, e.g. 2030-01-31T09:00:00+02:00.'
      if (OF_DIGITS.test(String(input))) return 'has a date or time that does not exist.'
      return 'must be a date and time with a zone (RFC 3339), e.g. 2030-01-31T09:00:00Z.'
    case 'date':
      return 'must be a date, e.g. 2030-01-31.'
    case 'email':
      return 'must be an e-mail address.'
    case 'url':
      return 'must be a URL, e.g. https://example.com/.'
    case 'uuid':
    case 'guid':
      return 'must be a UUID.'
    default:
      return undefined
  }
}

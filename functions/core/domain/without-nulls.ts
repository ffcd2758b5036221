import { fieldsOf, type Shape } from './check-shape.ts'

/**
 * Many languages write an absent field as null. @returns the value without the nulls of fields that may be missing and
 * cannot be null, at any depth that the schema describes as objects.
 */
export function withoutNulls(shape: Shape, value: unknown): unknown {
  const fields = fieldsOf(shape)
  if (!fields || value === null || typeof value !== 'object' || Array.isArray(value)) return value
  const entries = Object.entries(value).flatMap(([name, field]): [string, unknown][] => {
    const own = Object.hasOwn(fields, name) ? (fields[name] as Shape & OptionalParts) : undefined
    if (!own) return [[name, field]]
    if (field === null) return isLeftOut(own) ? [] : [[name, field]]
    return [[name, withoutNulls(own, field)]]
  })
  // Not an assignment: a field named __proto__ has to arrive as what it is, so that the schema refuses it.
  return Object.fromEntries(entries)
}

/** What zod tells of a schema: whether nothing, or null, passes it. */
interface OptionalParts {
  readonly isOptional?: () => boolean
  readonly isNullable?: () => boolean
}

const isLeftOut = (schema: OptionalParts) => schema.isOptional?.() === true && schema.isNullable?.() !== true

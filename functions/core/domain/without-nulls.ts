import { fieldsOf, type Shape } from './check-shape.ts'

/**
 * Many languages write an absent field as null. @returns the value without null fields that are optional and not nullable,
 * in all nested objects of the schema.
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
  // Not an assignment: a field named __proto__ must be kept as a field, so that the schema refuses it.
  return Object.fromEntries(entries)
}

/** The part of a zod schema that says whether a field may be absent or null. */
interface OptionalParts {
  readonly isOptional?: () => boolean
  readonly isNullable?: () => boolean
}

const isLeftOut = (schema: OptionalParts) => schema.isOptional?.() === true && schema.isNullable?.() !== true

/**
 * The form of a validated input that is stored in the row. The worker validates it again, because a deploy may have changed
 * the type meanwhile, and passes the result to the author's code. So the validated form (defaults filled in, unknown fields
 * removed) is stored only where validating it again gives the same value; for a schema that changes its input (a transform,
 * a pipe, a codec, anything that is no JSON) the caller's form is stored.
 */
import type { Shape } from './check-shape.ts'

export async function storedInput(shape: Shape, sent: unknown, checked: unknown): Promise<unknown> {
  if (!isPlainJson(checked)) return sent
  const text = JSON.stringify(checked)
  const again = await shape.safeParseAsync(checked)
  return again.success && isPlainJson(again.data) && JSON.stringify(again.data) === text ? checked : sent
}

/** Whether writing the value as JSON and reading it back gives the same value. */
function isPlainJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isPlainJson)
  if (typeof value !== 'object') return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return Object.values(value).every((field) => field === undefined || isPlainJson(field))
}

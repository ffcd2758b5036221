/**
 * What of a checked input goes into the row. A worker checks it once more, because a deploy may have changed the type
 * in between, and the author's code gets what that check gives. So the checked form is kept (defaults filled in,
 * unknown fields gone) only where checking it again gives the same; a schema that turns its input into something else
 * (a transform, a pipe, a codec, anything that is no JSON) keeps what the caller sent.
 */
import type { Shape } from './check-shape.ts'

export async function storedInput(shape: Shape, sent: unknown, checked: unknown): Promise<unknown> {
  if (!isPlainJson(checked)) return sent
  const text = JSON.stringify(checked)
  const again = await shape.safeParseAsync(checked)
  return again.success && isPlainJson(again.data) && JSON.stringify(again.data) === text ? checked : sent
}

/** True where writing a value as JSON and reading it back gives the same value. */
function isPlainJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isPlainJson)
  if (typeof value !== 'object') return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return Object.values(value).every((field) => field === undefined || isPlainJson(field))
}

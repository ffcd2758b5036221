import type { Condition } from './plan.ts'

/** Whether a step's `if` holds for a value. Without a comparison it holds for all values but false, null, 0 and "". */
export function conditionHolds(condition: Condition, value: unknown): boolean {
  const checks: boolean[] = []
  if (Object.hasOwn(condition, 'equals')) checks.push(isSame(value, condition.equals))
  if (Object.hasOwn(condition, 'not_equals')) checks.push(!isSame(value, condition.not_equals))
  if (condition.in) checks.push(condition.in.some((one) => isSame(value, one)))
  if (condition.greater_than !== undefined)
    checks.push(typeof value === 'number' && value > condition.greater_than)
  if (condition.less_than !== undefined) checks.push(typeof value === 'number' && value < condition.less_than)
  return checks.length ? checks.every(Boolean) : Boolean(value)
}

function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object') return false
  if (Array.isArray(left) !== Array.isArray(right)) return false
  const names = Object.keys(left)
  return (
    names.length === Object.keys(right).length &&
    names.every(
      (name) =>
        Object.hasOwn(right, name) &&
        isSame((left as Record<string, unknown>)[name], (right as Record<string, unknown>)[name]),
    )
  )
}

import type { Payload, Task } from '../../domain/task.ts'
import type { Retention } from '../../domain/transitions.ts'

/** Extra days for a row with objects or checkpoints, in which the daily cleanup deletes them first. */
const CLEANUP_DAYS = 3
const DAY_SECONDS = 86_400

const isObject = (payload: Payload | undefined): boolean => payload !== undefined && 'key' in payload

/** @param task the final row; without it, the row is assumed to have objects. */
export function retentionFrom(
  now: number,
  days: number,
  task?: Pick<Task, 'input' | 'result' | 'stepsSince'>,
): Retention {
  const ttl = Math.floor(now / 1_000) + days * DAY_SECONDS
  const hasObjects = !task || isObject(task.input) || isObject(task.result) || task.stepsSince !== undefined
  return { ttl, reapAt: hasObjects ? ttl + CLEANUP_DAYS * DAY_SECONDS : ttl }
}

import type { Task } from '../../domain/task.ts'
import { fromRow, type Row } from './row.ts'
import type { Table } from './table.ts'

/** Keys of one batch read. */
export const BATCH = 100

/** A row whose retention is over counts as deleted, even if it is still stored. */
export const isRetentionOver = ({ ttl }: Task, now: number): boolean =>
  ttl !== undefined && ttl * 1_000 <= now

/** Tasks by key, in no order, read in concurrent batches; missing ones are left out. */
export async function readTasks(
  table: Table,
  keys: readonly Row[],
  now: number,
  projection: object = {},
): Promise<readonly Task[]> {
  const batches = Array.from({ length: Math.ceil(keys.length / BATCH) }, (_, batch) =>
    table.readMany(keys.slice(batch * BATCH, (batch + 1) * BATCH), projection),
  )
  return (await Promise.all(batches))
    .flat()
    .map(fromRow)
    .filter((task) => !isRetentionOver(task, now))
}

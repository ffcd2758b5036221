import { causeFields } from '../../domain/errors.ts'
import type { Payload } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ExpiredRows, ExpiredTask } from '../../ports/expired-rows.ts'
import type { FileStore } from '../../ports/file-store.ts'
import type { Log } from '../../ports/log.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { StepStore } from '../../ports/step-store.ts'
import type { CleanedUp } from '../../ports/upkeep.ts'

export interface CleanUpDependencies {
  readonly rows: ExpiredRows
  readonly payloads: PayloadStore
  readonly steps: StepStore
  readonly files: Pick<FileStore, 'removeUpload'>
  readonly clock: Clock
  readonly log: Log
}

const CONCURRENCY = 64

/**
 * Deletes every task whose retention is over and that the table has not deleted itself. Objects first: if the process stops
 * in between, the row is invisible and the next cleanup finds it. A scan of the table that runs out of time continues at the
 * last finished page.
 */
export async function cleanUp(
  { rows, payloads, steps, files, clock, log }: CleanUpDependencies,
  stopAt: number,
): Promise<CleanedUp> {
  const counts = { tasks: 0, uploads: 0, objects: 0, failed: 0 }
  const cleanOne = async (task: ExpiredTask) => {
    try {
      if (task.isUpload) {
        await files.removeUpload(task)
        if (await rows.removeExpired(task)) counts.uploads += 1
        return
      }
      for (const payload of [task.input, task.result]) if (await removeObject(payload)) counts.objects += 1
      // The row last: as long as it exists, the next cleanup finds what is left.
      if (task.stepsSince !== undefined)
        for (const { value } of await steps.removeAll(task))
          if (await removeObject(value)) counts.objects += 1
      if (await rows.removeExpired(task)) counts.tasks += 1
    } catch (error) {
      counts.failed += 1
      log('cleanup.failed', { tenant: task.tenant, task_id: task.id, ...causeFields(error) })
    }
  }
  const removeObject = async (payload: Payload | undefined): Promise<boolean> => {
    if (!payload || !('key' in payload)) return false
    await payloads.remove(payload)
    return true
  }
  const walk = await rows.readWalk()
  const begunAt = walk?.next === undefined ? clock.now() : walk.begunAt
  for await (const page of rows.expired(walk?.next)) {
    for (let start = 0; start < page.rows.length; start += CONCURRENCY)
      await Promise.all(page.rows.slice(start, start + CONCURRENCY).map(cleanOne))
    if (page.next === undefined || clock.now() <= stopAt) continue
    await rows.writeWalk({ begunAt, next: page.next })
    return { ...counts, isComplete: false }
  }
  await rows.writeWalk({ begunAt })
  return { ...counts, isComplete: true }
}

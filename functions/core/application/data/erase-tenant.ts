import type { Clock } from '../../ports/clock.ts'
import type { DataEraser, ObjectEraser } from '../../ports/data-eraser.ts'

export interface EraseTenantNeeds {
  readonly rows: Pick<DataEraser, 'rowsOf' | 'removeRow'>
  readonly objects: ObjectEraser
  readonly clock: Pick<Clock, 'now'>
}

export interface Erased {
  readonly rows: number
  readonly objects: number
  /** Where to continue; absent when everything was checked. */
  readonly next?: string
}

const CONCURRENCY = 32

/**
 * Deletes rows and objects of a tenant until the time is over. The position is stored only in `next`; when an answer is lost,
 * the call can be repeated.
 *
 * @param options.isKept whether a row is not deleted.
 */
export async function eraseTenant(
  { rows, objects, clock }: EraseTenantNeeds,
  tenant: string,
  options: {
    readonly from?: string | undefined
    readonly stopAt: number
    readonly isKept: (pk: string) => boolean
  },
): Promise<Erased> {
  const done = { rows: 0, objects: 0 }
  if (options.from !== OBJECTS)
    for await (const page of rows.rowsOf(tenant, options.from)) {
      const mine = page.rows.filter(({ pk }) => !options.isKept(pk))
      for (let start = 0; start < mine.length; start += CONCURRENCY)
        await Promise.all(mine.slice(start, start + CONCURRENCY).map((row) => rows.removeRow(row)))
      done.rows += mine.length
      if (page.next !== undefined && clock.now() > options.stopAt) return { ...done, next: page.next }
    }
  // Objects last, because the deleted rows' tasks can write no more of them.
  for (;;) {
    if (clock.now() > options.stopAt) return { ...done, next: OBJECTS }
    const removed = await objects.removeSome({ tenant })
    if (removed === 0) return done
    done.objects += removed
  }
}

/** Cursor after the last row: only objects are left. */
export const OBJECTS = 'objects'

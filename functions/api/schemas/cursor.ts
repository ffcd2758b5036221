import * as z from 'zod'
import { LIMITS } from '../../contract.ts'
import { invalid } from '../../core/application/submit/prepare-submission.ts'

/** Query fields of every paged list. */
export const pageShape = {
  limit: z.coerce.number().int().min(1).max(LIMITS.pageSize).default(20),
  cursor: z
    .string()
    .regex(/^[\w-]{1,200}$/, 'is not a cursor of this API. Send next_cursor of the previous page.')
    .optional()
    .describe('next_cursor of the previous page.'),
}

/** The content of a cursor: time and id of the last returned row. */
const PLACE = /^\d{14}#[0-9a-z]{26}$/

/** @throws RequestError for a text that is no cursor of this API. */
export function readCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const place = Buffer.from(cursor, 'base64url').toString()
  // Decoding ignores characters and bits that make no whole byte; the cursor that was given out has none.
  if (!PLACE.test(place) || writeCursor(place) !== cursor)
    throw invalid([
      {
        path: 'cursor',
        message: 'is not a cursor of this API; send next_cursor of the previous page unchanged.',
      },
    ])
  return place
}

export const writeCursor = (place: string | undefined): string | null =>
  place ? Buffer.from(place).toString('base64url') : null

import { type Door, openStore } from '../hosts/lambda.ts'
import { listQuery } from './schemas/list.ts'
import { invalid, toFieldErrors } from './schemas/submit.ts'
import { toTaskJson } from './schemas/task-json.ts'

const store = openStore()

/** GET /tasks — one page of the caller's tasks, newest first. Inputs and results that lie in the bucket are null here. */
export const listTasksDoor: Door = async ({ tenant, query }) => {
  const parsed = listQuery.safeParse(query)
  if (!parsed.success) throw invalid(toFieldErrors(parsed.error))
  const { limit, cursor, created_after, created_before, status, type, lane, tag } = parsed.data
  const filter = {
    ...(status ? { status } : {}),
    ...(type ? { type } : {}),
    ...(lane ? { lane } : {}),
    ...(tag ? { tag } : {}),
    ...(created_after ? { createdAfter: Date.parse(created_after) } : {}),
    ...(created_before ? { createdBefore: Date.parse(created_before) } : {}),
  }
  const page = await store.list(tenant, filter, limit, readCursor(cursor))
  return {
    status: 200,
    body: {
      tasks: await Promise.all(page.tasks.map((task) => toTaskJson(task))),
      next_cursor: page.cursor ? Buffer.from(page.cursor).toString('base64url') : null,
    },
  }
}

/** What a cursor stands for: the place of the last row given, its time and id. */
const PLACE = /^\d{14}#[\w-]{1,64}$/

function readCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const place = Buffer.from(cursor, 'base64url').toString()
  if (!PLACE.test(place))
    throw invalid([
      {
        path: 'cursor',
        message: 'is not a cursor of this API; send next_cursor of the page before as it came.',
      },
    ])
  return place
}

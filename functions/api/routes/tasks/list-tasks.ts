import { invalid } from '../../../core/application/submit/prepare-submission.ts'
import { openStore } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { listAnswer, listQuery } from '../../schemas/list.ts'
import { toTaskJson } from '../../schemas/task-json.ts'

export const listTasksRoute = defineRoute({
  method: 'GET',
  path: '/tasks',
  function: 'api-reads',
  scope: 'tasks:read',
  summary: 'List tasks, newest first',
  description: 'Inputs and results larger than 8 kB are null here.',
  query: listQuery,
  answers: { 200: { description: 'One page.', schema: listAnswer } },
  mcp: { tool: 'list_tasks' },
  needs: () => ({ store: openStore() }),
  handle: async ({ tenant, base, query }, { store }) => {
    const { limit, cursor, created_after, created_before, status, type, lane, tag } = query
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
        tasks: await Promise.all(page.tasks.map((task) => toTaskJson(task, { base }))),
        next_cursor: page.cursor ? Buffer.from(page.cursor).toString('base64url') : null,
      },
    }
  },
})

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

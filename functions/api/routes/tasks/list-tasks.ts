import { openStore } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { readCursor, writeCursor } from '../../schemas/cursor.ts'
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
        next_cursor: writeCursor(page.cursor),
      },
    }
  },
})

import { clock, openStore, openWaitPlaces } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { nextPollSeconds, POLL_WITHOUT_PLACE } from '../../read-task.ts'
import { checkListQuery, readTasks } from '../../read-tasks.ts'
import { readCursor, writeCursor } from '../../schemas/cursor.ts'
import { listTasksAnswer, listTasksQuery } from '../../schemas/list.ts'
import { toTaskJson } from '../../schemas/task-json.ts'

export const listTasksRoute = defineRoute({
  method: 'GET',
  path: '/tasks',
  function: 'api-reads',
  scope: 'tasks:read',
  summary: 'List tasks, newest first',
  description: 'Inputs and results larger than 8 kB are null here.',
  query: listTasksQuery,
  answers: {
    200: {
      description: 'One page.',
      schema: listTasksAnswer,
      headers: { 'Retry-After': 'With wait: no place to wait was free, and these are the present tasks.' },
    },
  },
  mcp: { tool: 'list_tasks' },
  needs: () => ({ store: openStore(), places: openWaitPlaces(), clock }),
  handle: async ({ tenant, base, query }, reader) => {
    const { store } = reader
    checkListQuery(query)
    if (query.ids !== undefined) {
      const { wait } = query
      const { tasks, hasWaited } = await readTasks(reader, { tenant, ids: query.ids.split(','), wait })
      return {
        status: 200,
        headers: hasWaited ? {} : nextPollSeconds(POLL_WITHOUT_PLACE),
        body: {
          tasks: await Promise.all(tasks.map((task) => toTaskJson(task, { base }))),
          next_cursor: null,
        },
      }
    }
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

import { defineRoute } from '../../define-route.ts'
import { openReader, READ_ANSWERS, readHeaders, readQuery, readTask } from '../../read-task.ts'
import { taskParams } from '../../schemas/task.ts'

export const getTaskStatusRoute = defineRoute({
  method: 'GET',
  path: '/tasks/status/{id}',
  function: 'api-reads',
  scope: 'tasks:read',
  summary: 'Get a task by its older path',
  params: taskParams,
  query: readQuery,
  headers: readHeaders,
  answers: READ_ANSWERS,
  problems: [404],
  needs: openReader,
  handle: ({ tenant, base, params: { id }, query: { wait }, headers }, needs) =>
    readTask(needs, { tenant, id, base, ifNoneMatch: headers['If-None-Match'], wait }),
})

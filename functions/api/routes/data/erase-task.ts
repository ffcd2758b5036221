import { eraseTask } from '../../../core/application/data/erase-task.ts'
import { openErasers } from '../../../hosts/data.ts'
import { defineRoute } from '../../define-route.ts'
import { taskParams } from '../../schemas/task.ts'

export const eraseTaskRoute = defineRoute({
  method: 'DELETE',
  path: '/tasks/{id}/content',
  function: 'api-data',
  scope: 'tasks:write',
  summary: 'Delete the content of a finished task',
  description:
    'Deletes input, result, error text, progress, tags, finished steps and files; state, times and cost stay. It cannot run again. Uploads that it used end by themselves. Send it again until it is answered with 204.',
  params: taskParams,
  answers: { 204: { description: 'Everything is deleted.' } },
  problems: [404, 409],
  needs: openErasers,
  handle: async ({ tenant, note, params: { id } }, needs) => {
    const task = await eraseTask(needs, { tenant, id })
    note({ before: task.status, after: 'erased' })
    return { status: 204 }
  },
})

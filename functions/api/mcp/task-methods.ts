/** The methods of the extension `io.modelcontextprotocol/tasks`, which read and change the task's row. */
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server'
import type { HttpAnswer } from '../../hosts/http.ts'
import { cancelTaskRoute } from '../routes/tasks/cancel-task.ts'
import { getTaskRoute } from '../routes/tasks/get-task.ts'
import type { TaskJson } from '../schemas/task-json.ts'
import { type Caller, callRoute, mayUse } from './call-route.ts'
import type { McpSettings } from './server.ts'
import { resultOf, taskOf } from './task-results.ts'

export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks'

export function taskMethods(caller: Caller, { now, retentionDays }: McpSettings) {
  const get = async (id: string): Promise<TaskJson> => taskFrom(await callAllowed(getTaskRoute, caller, id))
  return {
    'tasks/get': async (id: string) => {
      const task = await get(id)
      const state = taskOf(task, now(), retentionDays)
      return state.status === 'completed' ? { ...state, result: { ...resultOf(task) } } : state
    },
    'tasks/cancel': async (id: string) => {
      const answer = await callAllowed(cancelTaskRoute, caller, id)
      // Cancelling a task that has ended is not an error in this protocol.
      if (answer.status !== 409) taskFrom(answer)
      return {}
    },
    // No task here asks its caller for input, so such answers are ignored.
    'tasks/update': async (id: string) => {
      await get(id)
      return {}
    },
  }
}

async function callAllowed(
  route: typeof getTaskRoute | typeof cancelTaskRoute,
  caller: Caller,
  id: string,
): Promise<HttpAnswer> {
  if (!mayUse(caller, route.scope))
    throw new ProtocolError(ProtocolErrorCode.InvalidRequest, `This key lacks the scope "${route.scope}".`)
  return callRoute(route, caller, { id })
}

function taskFrom({ status, body }: HttpAnswer): TaskJson {
  if (status < 400) return body as TaskJson
  const { detail } = body as { readonly detail: string }
  throw status < 500
    ? new ProtocolError(ProtocolErrorCode.InvalidParams, detail)
    : new ProtocolError(ProtocolErrorCode.InternalError, detail)
}

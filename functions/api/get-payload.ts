import { getTask } from '../core/application/tasks/get-task.ts'
import { RequestError } from '../core/domain/errors.ts'
import { type Door, openPayloads, openStore } from '../hosts/lambda.ts'

const dependencies = { store: openStore() }
const payloads = openPayloads()

/** The link is for one download, begun soon. */
const LINK_SECONDS = 300

/** GET /tasks/{id}/input — the input alone, whatever its size. */
export const getInputDoor: Door = (request) => give(request, 'input')
/** GET /tasks/{id}/result — the result alone, whatever its size. */
export const getResultDoor: Door = (request) => give(request, 'result')

/** Lambda answers at most 6 MB, so that what lies in the bucket is fetched from there, by a link that ends soon. */
async function give({ tenant, parameters }: Parameters<Door>[0], part: 'input' | 'result'): ReturnType<Door> {
  const task = await getTask(dependencies, { tenant, id: parameters.id ?? '' })
  const payload = task[part]
  if (!payload) throw new RequestError('not_found', `The task is ${task.status} and has no ${part}.`)
  if ('json' in payload) return { status: 200, text: payload.json }
  return { status: 303, headers: { location: await payloads.link(payload, LINK_SECONDS) } }
}

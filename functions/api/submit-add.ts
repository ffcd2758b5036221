import type { Door } from '../hosts/lambda.ts'
import { parseSubmitBody } from './schemas/submit.ts'
import { accept } from './submission.ts'
import { withTaskId } from './submit-example.ts'

/** POST /tasks/add — adds two numbers given as JSON, or in the query string as the seeds' clients do. */
export const submitAddDoor: Door = async (request) => {
  const fromQuery = Object.fromEntries(
    Object.entries(request.query).map(([name, value]) => [
      name,
      value.trim() === '' || Number.isNaN(Number(value)) ? value : Number(value),
    ]),
  )
  const body = request.optionalJson()
  const input =
    body !== null && typeof body === 'object' && !Array.isArray(body) ? { ...fromQuery, ...body } : body
  return withTaskId(
    await accept(request, { ...parseSubmitBody({ type: 'example.add', input }), isSeedForm: true }),
  )
}

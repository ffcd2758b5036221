import type { Door } from '../hosts/lambda.ts'
import { invalid, parseSubmitBody } from './schemas/submit.ts'
import { accept } from './submission.ts'

const FIELDS = ['name', 'seconds']

/** POST /tasks/example?name&seconds — the demo task, its input in the query string. */
export const submitExampleDoor: Door = async (request) => {
  const unknown = Object.keys(request.query).filter((name) => !FIELDS.includes(name))
  if (unknown.length > 0)
    throw invalid(
      unknown.map((path) => ({ path, message: `is not a known parameter. Known: ${FIELDS.join(', ')}.` })),
    )
  const { name, seconds } = request.query
  const input = {
    ...(name === undefined ? {} : { name }),
    // An empty or odd number stays a string, so that the task's own schema refuses it by name.
    ...(seconds === undefined
      ? {}
      : { seconds: seconds.trim() === '' || Number.isNaN(Number(seconds)) ? seconds : Number(seconds) }),
  }
  const answer = await accept(request, {
    ...parseSubmitBody({ type: 'example.run', input }),
    isSeedForm: true,
  })
  return withTaskId(answer)
}

/** The seeds' clients read `task_id`. */
export const withTaskId = <Answer extends { readonly body?: unknown }>(answer: Answer): Answer => {
  const body = answer.body as { readonly id: string }
  return { ...answer, body: { task_id: body.id, ...body } }
}

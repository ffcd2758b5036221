import type { Door } from '../hosts/lambda.ts'
import { parseSubmitBody } from './schemas/submit.ts'
import { accept } from './submission.ts'

/** POST /tasks — accept work and answer 202 before any of it is done. */
export const submitTaskDoor: Door = (request) => accept(request, parseSubmitBody(request.json()))

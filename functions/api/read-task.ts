import * as z from 'zod'
import { getTask } from '../core/application/tasks/get-task.ts'
import { stepLifeOf } from '../core/domain/step.ts'
import { openPayloads, openSteps, openStore } from '../hosts/lambda.ts'
import { taskSchema } from './schemas/task.ts'
import { toTaskJson } from './schemas/task-json.ts'

export const openReader = () => ({ store: openStore(), payloads: openPayloads(), steps: openSteps() })

export const readHeaders = z.object({
  'If-None-Match': z
    .string()
    .optional()
    .describe('ETag of an earlier answer: 304 while the task is the same.'),
})

export const READ_ANSWERS = {
  200: { description: 'The task.', schema: taskSchema, headers: { ETag: 'Changes with the task.' } },
  304: { description: 'The task is as the caller knows it.', headers: { ETag: 'As sent.' } },
} as const

/** The task as it is now; 304 when the caller has it already. */
export async function readTask(
  { store, payloads, steps }: ReturnType<typeof openReader>,
  request: {
    readonly tenant: string
    readonly id: string
    readonly base: string
    readonly ifNoneMatch: string | undefined
  },
) {
  const task = await getTask({ store }, request)
  const kept = task.stepsSince === undefined ? [] : await steps.list(task, stepLifeOf(task))
  // A checkpoint is an item of its own: it changes the answer and not the row.
  const etag = `W/"${task.writeId}${kept.length ? `.${kept.length}` : ''}"`
  if (isKnown(request.ifNoneMatch, etag)) return { status: 304, headers: { etag } } as const
  const read = (payload: Parameters<typeof payloads.read>[0]) => payloads.read(payload)
  return {
    status: 200,
    headers: { etag },
    body: await toTaskJson(task, {
      base: request.base,
      read,
      steps: kept,
    }),
  } as const
}

/** By RFC 9110 the header is compared weakly: a tag is the same with and without its `W/`. */
export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const strong = (tag: string) => tag.trim().replace(/^W\//, '')
  return ifNoneMatch?.split(',').some((tag) => tag.trim() === '*' || strong(tag) === strong(etag)) ?? false
}

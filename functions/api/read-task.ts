import * as z from 'zod'
import { awaitChange } from '../core/application/tasks/await-change.ts'
import { getTask } from '../core/application/tasks/get-task.ts'
import type { Estimate } from '../core/domain/estimate.ts'
import { stepLifeOf } from '../core/domain/step.ts'
import { isFinal, type TaskKey } from '../core/domain/task.ts'
import { openWaitEstimates } from '../hosts/estimates.ts'
import { clock, openFiles, openPayloads, openSteps, openStore, openWaitPlaces } from '../hosts/lambda.ts'
import { fileLinksFor } from './answer-with-payload.ts'
import { taskSchema } from './schemas/task.ts'
import { toTaskJson } from './schemas/task-json.ts'
import { waitSeconds } from './schemas/wait.ts'

export const openReader = () => ({
  store: openStore(),
  payloads: openPayloads(),
  files: openFiles(),
  steps: openSteps(),
  places: openWaitPlaces(),
  estimates: openWaitEstimates(),
  clock,
})
type Reader = ReturnType<typeof openReader>

export const readHeaders = z.object({
  'If-None-Match': z
    .string()
    .optional()
    .describe('ETag of an earlier answer: 304 while the task is the same.'),
})

export const readQuery = z.strictObject({
  wait: waitSeconds.describe(
    'Seconds to wait for the end of the task; with If-None-Match, for its next change. When the time is over, the present task is returned.',
  ),
})

export const READ_ANSWERS = {
  200: {
    description: 'The task.',
    schema: taskSchema,
    headers: {
      ETag: 'Changes with the task.',
      'Retry-After':
        'Seconds after which to ask again: no place to wait was free, and the answer is the present task.',
    },
  },
  304: { description: 'The task has not changed.', headers: { ETag: 'As sent.' } },
} as const

/** Seconds until the next request when no place to wait was free; longer, because then all waiting callers ask again. */
export const POLL_WITHOUT_PLACE = { least: 2, unknown: 5 } as const
const MAX_RETRY_AFTER_SECONDS = 30

/** When the caller should ask again. @param estimate for a task that has not begun. */
export function nextPollSeconds(
  { least, unknown }: { readonly least: number; readonly unknown: number },
  estimate?: Estimate,
): { readonly 'retry-after': string } {
  const end = estimate && (estimate.finish ?? estimate.start)
  const seconds = end ? Math.ceil((end.earliest - clock.now()) / 1_000) : unknown
  return { 'retry-after': String(Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(least, seconds))) }
}

/** The task as it is now, or after its end or next change; 304 when the caller already has this state. */
export async function readTask(
  reader: Reader,
  request: {
    readonly tenant: string
    readonly id: string
    readonly base: string
    readonly ifNoneMatch: string | undefined
    /** Seconds. */
    readonly wait: number
  },
) {
  const { payloads, files, estimates } = reader
  const isSeen = ({ task, etag }: ReadRows) =>
    isFinal(task.status) || (request.ifNoneMatch !== undefined && !isKnown(request.ifNoneMatch, etag))
  const { value, hasWaited } = await awaitChange(
    reader,
    request.wait,
    () => readTaskRows(reader, request),
    isSeen,
  )
  const { task, kept, etag } = value
  const estimate = await estimates.of(task)
  const headers = { etag, ...(hasWaited ? {} : nextPollSeconds(POLL_WITHOUT_PLACE, estimate)) }
  if (isKnown(request.ifNoneMatch, etag)) return { status: 304, headers } as const
  const read = (payload: Parameters<typeof payloads.read>[0]) => payloads.read(payload)
  return {
    status: 200,
    headers,
    body: await toTaskJson(task, {
      base: request.base,
      read,
      linkOf: fileLinksFor(files, task),
      steps: kept,
      wait: estimate,
    }),
  } as const
}

type ReadRows = Awaited<ReturnType<typeof readTaskRows>>

async function readTaskRows({ store, steps }: Reader, key: TaskKey) {
  const task = await getTask({ store }, key)
  const kept = task.stepsSince === undefined ? [] : await steps.list(task, stepLifeOf(task))
  // Checkpoints are separate items: they change the answer without changing the row.
  return { task, kept, etag: `W/"${task.writeId}${kept.length ? `.${kept.length}` : ''}"` }
}

/** RFC 9110 compares this header weakly: a tag is equal with and without its `W/`. */
export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const strong = (tag: string) => tag.trim().replace(/^W\//, '')
  return ifNoneMatch?.split(',').some((tag) => tag.trim() === '*' || strong(tag) === strong(etag)) ?? false
}

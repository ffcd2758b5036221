import * as z from 'zod'
import { ENV } from '../contract.ts'
import { invalid, prepareSubmission } from '../core/application/submit/prepare-submission.ts'
import { type Submission, submitTask } from '../core/application/submit/submit-task.ts'
import type { Payload } from '../core/domain/task.ts'
import { parseTrace } from '../core/domain/trace.ts'
import { clock, ids, log, openPayloads, openQueue, openStore, readConfig } from '../hosts/lambda.ts'
import { taskTypes } from '../tasks/registry.gen.ts'
import { hashOf, readSubmitBody, type SubmitBody } from './schemas/submit.ts'
import { taskSchema } from './schemas/task.ts'
import { toTaskJson } from './schemas/task-json.ts'

/** When a client should look again; most model calls take seconds. */
const POLL_SECONDS = 1

/** What every route that submits works with. */
export function openSubmission() {
  const { MODEL_ROUTES, DEFAULT_MODEL } = readConfig([ENV.modelRoutes, ENV.defaultModel])
  return {
    prepare: { types: taskTypes, modelRoutes: MODEL_ROUTES, defaultModel: DEFAULT_MODEL, clock, hashOf },
    store: openStore(),
    queue: openQueue(false),
    payloads: openPayloads(),
    clock,
    ids,
    log,
  }
}
type Needs = ReturnType<typeof openSubmission>

export const submitHeaders = z.object({
  'Idempotency-Key': z
    .string()
    .optional()
    .describe(
      'The same key and body give the same task, also when sent at the same time. 1 to 255 characters.',
    ),
  traceparent: z
    .string()
    .optional()
    .describe('W3C Trace Context: the task’s log lines and model calls become part of this trace.'),
})

export const ACCEPTED = {
  202: {
    description: 'Accepted. The task, PENDING or SCHEDULED.',
    schema: taskSchema,
    headers: {
      Location: 'Where the task is read.',
      'Retry-After': 'Seconds after which a look is worth it.',
      'Idempotent-Replayed': '"true" when the key had a task already.',
    },
  },
} as const

interface SubmitRequest {
  readonly tenant: string
  readonly base: string
  readonly headers: z.output<typeof submitHeaders>
}

/** Finds a body valid, as `POST /tasks` would: what workflows and schedules are checked with. */
export const prepareBody = async (needs: Needs, tenant: string, body: unknown): Promise<Submission> =>
  prepareSubmission(needs.prepare, { tenant, ...(await readSubmitBody(body)) })

/**
 * Checks a request against its task type and accepts it. All submitting routes end here.
 *
 * @throws RequestError when a field is wrong, or the idempotency key came with another body.
 */
export async function accept(needs: Needs, { tenant, base, headers }: SubmitRequest, body: SubmitBody) {
  const submission = await prepareSubmission(needs.prepare, {
    ...body,
    tenant,
    idempotencyKey: readIdempotencyKey(headers['Idempotency-Key']),
    trace: parseTrace(headers.traceparent),
  })
  const { task, isReplay } = await submitTask(needs, submission)
  const read = (payload: Payload) => needs.payloads.read(payload)
  const json = await toTaskJson(task, { base, read })
  return {
    status: 202,
    headers: {
      location: json.links.self,
      'retry-after': String(POLL_SECONDS),
      ...(isReplay ? { 'idempotent-replayed': 'true' } : {}),
    },
    body: json,
  } as const
}

/** The header is a structured string, so quotes around it are not part of the key; most clients send none. */
export function readIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const key = header.trim().replace(/^"(.*)"$/, '$1')
  if (!/^[\x21-\x7e][\x20-\x7e]{0,254}$/.test(key))
    throw invalid([
      { path: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters, e.g. a UUID.' },
    ])
  return key
}

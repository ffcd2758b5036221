import * as z from 'zod'
import { ENV, LIMITS } from '../contract.ts'
import { invalid, prepareSubmission } from '../core/application/submit/prepare-submission.ts'
import { laneOf, type Submission, submitTask } from '../core/application/submit/submit-task.ts'
import { awaitChange } from '../core/application/tasks/await-change.ts'
import { openUploadUse } from '../core/application/uploads/use-uploads.ts'
import { isFinal, type Payload, type Task } from '../core/domain/task.ts'
import { parseTrace } from '../core/domain/trace.ts'
import { openWaitEstimates } from '../hosts/estimates.ts'
import {
  clock,
  ids,
  log,
  openFiles,
  openPayloads,
  openSender,
  openStore,
  openUploads,
  openWaitPlaces,
  openWebhooks,
  readConfig,
} from '../hosts/lambda.ts'
import { openAdmission } from '../hosts/limits.ts'
import { openEndpointCheck, refusalOfUrl } from '../hosts/webhooks.ts'
import { taskTypes } from '../tasks/registry.gen.ts'
import { fileLinksFor } from './answer-with-payload.ts'
import { nextPollSeconds } from './read-task.ts'
import { hashOf, readSubmitBody, type SubmitBody } from './schemas/submit.ts'
import { taskSchema } from './schemas/task.ts'
import { toTaskJson } from './schemas/task-json.ts'

/** When a client should ask again, in seconds, without an estimate; most model calls take seconds. */
const ACCEPTED_NOW = { least: 1, unknown: 1 } as const

/** Dependencies for validating and submitting tasks, also those of workflows and schedules. */
export function openSubmission() {
  const { MODEL_ROUTES, DEFAULT_MODEL, RETENTION_DAYS } = readConfig([
    ENV.modelRoutes,
    ENV.defaultModel,
    ENV.retentionDays,
  ])
  const useUploads = openUploadUse({
    uploads: openUploads(),
    files: openFiles(),
    retentionDays: RETENTION_DAYS,
    clock,
  })
  const admission = openAdmission()
  return {
    prepare: {
      types: taskTypes,
      modelRoutes: MODEL_ROUTES,
      defaultModel: DEFAULT_MODEL,
      clock,
      hashOf,
      useUploads,
      refusalOfUrl,
      budgetOf: admission.budgetOf,
    },
    admission,
    store: openStore(),
    files: openFiles(),
    queue: openSender(),
    payloads: openPayloads(),
    clock,
    ids,
    log,
    hasEndpoints: openEndpointCheck(openWebhooks()),
    isTallied: true as const,
  }
}

/** Dependencies of every route that submits, whose caller may wait for the end. */
export function openAcceptance() {
  return { ...openSubmission(), places: openWaitPlaces(), estimates: openWaitEstimates() }
}
type Needs = ReturnType<typeof openAcceptance>

export const submitHeaders = z.object({
  'Idempotency-Key': z
    .string()
    .optional()
    .describe(
      'The same key and body give the same task, even when sent at the same time. 1 to 255 characters.',
    ),
  Prefer: z
    .string()
    .optional()
    .describe(
      '`wait=n`: waits up to n seconds, 25 at most, for the end of the task, and answers 200 with it if it came.',
    ),
  traceparent: z
    .string()
    .optional()
    .describe('W3C Trace Context: the task’s log lines and model calls become part of this trace.'),
})

const ANSWER_HEADERS = {
  Location: 'Path of the task.',
  'Idempotent-Replayed': '"true" when the idempotency key was used before.',
  'Preference-Applied': '`wait=n`, when the call waited.',
} as const

export const ACCEPTED = {
  200: {
    description: 'The task has ended within the time of `Prefer: wait=n`.',
    schema: taskSchema,
    headers: ANSWER_HEADERS,
  },
  202: {
    description: 'Accepted. The task, PENDING or SCHEDULED.',
    schema: taskSchema,
    headers: { ...ANSWER_HEADERS, 'Retry-After': 'Seconds after which to ask again.' },
  },
} as const

interface SubmitRequest {
  readonly tenant: string
  readonly base: string
  readonly receivedAt: number
  readonly headers: z.output<typeof submitHeaders>
}

/** Validates a body like `POST /tasks`, for workflows and schedules. */
export const prepareBody = async (
  needs: ReturnType<typeof openSubmission>,
  tenant: string,
  body: unknown,
): Promise<Submission> => prepareSubmission(needs.prepare, { tenant, ...(await readSubmitBody(body)) })

/**
 * Validates a request with its task type and accepts it. All submitting routes call this.
 *
 * @throws RequestError when a field is wrong, or the idempotency key was used with another body.
 */
export async function accept(
  needs: Needs,
  { tenant, base, receivedAt, headers }: SubmitRequest,
  body: SubmitBody,
) {
  const submission = await prepareSubmission(needs.prepare, {
    ...body,
    tenant,
    idempotencyKey: readIdempotencyKey(headers['Idempotency-Key']),
    trace: parseTrace(headers.traceparent),
  })
  needs.estimates.prepare({ ...submission, lane: laneOf(submission) })
  const { task: accepted, isReplay } = await submitTask(needs, { ...submission, receivedAt })
  const wait = readWait(headers.Prefer)
  const { value: task, hasWaited } = await awaitEnd(needs, accepted, wait)
  const read = (payload: Payload) => needs.payloads.read(payload)
  const estimate = await needs.estimates.of(task)
  const json = await toTaskJson(task, {
    base,
    read,
    linkOf: fileLinksFor(needs.files, task),
    wait: estimate,
  })
  const common = {
    location: json.links.self,
    ...replayHeader(isReplay),
    ...(wait > 0 && hasWaited ? { 'preference-applied': `wait=${wait}` } : {}),
  }
  if (wait > 0 && isFinal(task.status)) return { status: 200, headers: common, body: json } as const
  return {
    status: 202,
    headers: { ...common, ...nextPollSeconds(ACCEPTED_NOW, estimate) },
    body: json,
  } as const
}

/** Marks the answer to a repeated idempotency key. */
export const replayHeader = (isReplay: boolean): Readonly<Record<string, string>> =>
  isReplay ? { 'idempotent-replayed': 'true' } : {}

/** The task is accepted whatever happens during the wait: if the table does not answer, only the wait ends. */
async function awaitEnd(needs: Needs, accepted: Task, wait: number) {
  let seen = accepted
  let isFirst = true
  const look = async () => {
    if (!isFirst) seen = (await needs.store.get(accepted)) ?? seen
    isFirst = false
    return seen
  }
  return awaitChange(needs, wait, look, ({ status }) => isFinal(status)).catch(() => ({
    value: seen,
    hasWaited: false,
  }))
}

/** According to RFC 7240 unknown preferences are ignored, and a wait that is too long is shortened. */
export function readWait(prefer: string | undefined): number {
  // A comma inside quotes belongs to a value.
  for (const preference of prefer?.match(/(?:"[^"]*"|[^",])+/g) ?? []) {
    const found = /^\s*wait\s*=\s*"?(\d+)"?\s*(?:;.*)?$/i.exec(preference)
    if (found) return Math.min(Number(found[1]), LIMITS.waitSeconds)
  }
  return 0
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

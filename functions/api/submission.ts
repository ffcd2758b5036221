import * as z from 'zod'
import { ENV, LIMITS } from '../contract.ts'
import { submitTask } from '../core/application/submit/submit-task.ts'
import { describeModels, routeModel } from '../core/domain/model-routes.ts'
import { nearestName } from '../core/domain/nearest-name.ts'
import type { Payload } from '../core/domain/task.ts'
import { parseTrace } from '../core/domain/trace.ts'
import { clock, ids, log, openPayloads, openQueue, openStore, readConfig } from '../hosts/lambda.ts'
import { findTaskType, taskTypes } from '../tasks/registry.gen.ts'
import { hashOf, invalid, type SubmitBody, toFieldErrors } from './schemas/submit.ts'
import { taskSchema } from './schemas/task.ts'
import { toTaskJson } from './schemas/task-json.ts'

/** When a client should look again; most model calls take seconds. */
const POLL_SECONDS = 1
const DAY_MS = 86_400_000

/** What every route that submits works with. */
export const openSubmission = () => ({
  config: readConfig([ENV.modelRoutes, ENV.defaultModel]),
  store: openStore(),
  queue: openQueue(false),
  payloads: openPayloads(),
  clock,
  ids,
  log,
})
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

/**
 * Checks a request against its task type and accepts it. All submitting routes end here.
 *
 * @throws RequestError when a field is wrong, or the idempotency key came with another body.
 */
export async function accept(needs: Needs, request: SubmitRequest, body: SubmitBody) {
  const type = findTaskType(body.type)
  if (!type)
    throw invalid([
      {
        path: 'type',
        message: `"${body.type.slice(0, 100)}" is not a task type. Nearest: "${nearestName(
          body.type,
          taskTypes.map(({ name }) => name),
        )}". Known: ${taskTypes.map(({ name }) => name).join(', ')}.`,
      },
    ])
  const input = type.input.safeParse(body.input ?? {})
  if (!input.success) throw invalid(toFieldErrors(input.error, body.isSeedForm ? '' : 'input'))
  const timeoutMs = body.timeout_seconds === undefined ? type.limits.timeoutMs : body.timeout_seconds * 1_000
  if (timeoutMs > type.limits.timeoutMs)
    throw invalid([
      { path: 'timeout_seconds', message: `is at most ${type.limits.timeoutMs / 1_000} for "${type.name}".` },
    ])
  if (body.run_at !== undefined && Date.parse(body.run_at) > needs.clock.now() + LIMITS.maxDelayDays * DAY_MS)
    throw invalid([{ path: 'run_at', message: `is at most ${LIMITS.maxDelayDays} days from now.` }])
  const idempotencyKey = readIdempotencyKey(request.headers['Idempotency-Key'])
  const trace = parseTrace(request.headers.traceparent)
  const { isSeedForm: _form, ...canonical } = body

  const { task, isReplay } = await submitTask(needs, {
    tenant: request.tenant,
    type: type.name,
    lane: type.lane,
    input: input.data,
    model: chooseModel(needs.config, type, body.model),
    priority: body.priority,
    maxAttempts: body.max_attempts ?? type.retry.maxAttempts,
    timeoutMs,
    tags: [...new Set(body.tags)],
    ...(body.run_at === undefined ? {} : { runAt: Date.parse(body.run_at) }),
    ...(body.delay_seconds === undefined ? {} : { delayMs: body.delay_seconds * 1_000 }),
    ...(body.expires_in_seconds === undefined ? {} : { expiresInMs: body.expires_in_seconds * 1_000 }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(trace === undefined ? {} : { trace }),
    bodyHash: hashOf(canonical),
  })
  const read = (payload: Payload) => needs.payloads.read(payload)
  const json = await toTaskJson(task, { base: request.base, read })
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

function chooseModel(
  { MODEL_ROUTES, DEFAULT_MODEL }: Needs['config'],
  { usesModel, name }: { readonly usesModel: boolean; readonly name: string },
  asked: string | undefined,
): string | null {
  if (!usesModel) {
    if (asked !== undefined)
      throw invalid([{ path: 'model', message: `does not go with "${name}": it calls no model.` }])
    return null
  }
  const model = asked ?? DEFAULT_MODEL
  if (!routeModel(MODEL_ROUTES, model))
    throw invalid([
      { path: 'model', message: `"${model}" is not known. Known: ${describeModels(MODEL_ROUTES)}.` },
    ])
  return model
}

/** The header is a structured string, so quotes around it are not part of the key; most clients send none. */
function readIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const key = header.trim().replace(/^"(.*)"$/, '$1')
  if (!/^[\x21-\x7e][\x20-\x7e]{0,254}$/.test(key))
    throw invalid([
      { path: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters, e.g. a UUID.' },
    ])
  return key
}

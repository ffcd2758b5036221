import { ENV, LIMITS } from '../contract.ts'
import { submitTask } from '../core/application/submit/submit-task.ts'
import { describeModels, routeModel } from '../core/domain/model-routes.ts'
import { nearestName } from '../core/domain/nearest-name.ts'
import type { Task } from '../core/domain/task.ts'
import { parseTrace } from '../core/domain/trace.ts'
import type { HttpAnswer, HttpRequest } from '../hosts/http.ts'
import { clock, ids, log, openPayloads, openQueue, openStore, readConfig } from '../hosts/lambda.ts'
import { findTaskType, taskTypes } from '../tasks/registry.gen.ts'
import { hashOf, invalid, type SubmitBody, toFieldErrors } from './schemas/submit.ts'
import { toTaskJson } from './schemas/task-json.ts'

/** When a client should look again; most model calls take seconds. */
const POLL_SECONDS = 1
const DAY_MS = 86_400_000

const config = readConfig([ENV.modelRoutes, ENV.defaultModel])
const dependencies = {
  store: openStore(),
  queue: openQueue(false),
  payloads: openPayloads(),
  clock,
  ids,
  log,
}

/**
 * Checks a request against its task type and accepts it. All submitting doors end here.
 *
 * @throws RequestError when a field is wrong, or the idempotency key came with another body.
 */
export async function accept(request: HttpRequest, body: SubmitBody): Promise<HttpAnswer> {
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
  if (body.run_at !== undefined && Date.parse(body.run_at) > clock.now() + LIMITS.maxDelayDays * DAY_MS)
    throw invalid([{ path: 'run_at', message: `is at most ${LIMITS.maxDelayDays} days from now.` }])
  const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key'])
  const trace = parseTrace(request.headers.traceparent)
  const { isSeedForm: _form, ...canonical } = body

  const { task, isReplay } = await submitTask(dependencies, {
    tenant: request.tenant,
    type: type.name,
    lane: type.lane,
    input: input.data,
    model: chooseModel(type.usesModel, type.name, body.model),
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
  return accepted(task, isReplay)
}

async function accepted(task: Task, isReplay: boolean): Promise<HttpAnswer> {
  const body = await toTaskJson(task, (payload) => dependencies.payloads.read(payload))
  const { links } = body as { links: { self: string } }
  return {
    status: 202,
    headers: {
      location: links.self,
      'retry-after': String(POLL_SECONDS),
      ...(isReplay ? { 'idempotent-replayed': 'true' } : {}),
    },
    body,
  }
}

function chooseModel(usesModel: boolean, type: string, asked: string | undefined): string | null {
  if (!usesModel) {
    if (asked !== undefined)
      throw invalid([{ path: 'model', message: `does not go with "${type}": it calls no model.` }])
    return null
  }
  const model = asked ?? config.DEFAULT_MODEL
  if (!routeModel(config.MODEL_ROUTES, model))
    throw invalid([
      { path: 'model', message: `"${model}" is not known. Known: ${describeModels(config.MODEL_ROUTES)}.` },
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

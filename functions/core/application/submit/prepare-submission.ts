import { type Lane, LIMITS, OPEN_TENANT } from '../../../contract.ts'
import { type Budget, toMicro } from '../../domain/budget.ts'
import { checkShape, MAX_ERRORS, type Shape } from '../../domain/check-shape.ts'
import { type FieldError, RequestError } from '../../domain/errors.ts'
import { type ModelRoutes, refusalOfModel } from '../../domain/model-routes.ts'
import { nearestText } from '../../domain/nearest-name.ts'
import { storedInput } from '../../domain/stored-input.ts'
import type { Webhook } from '../../domain/webhook.ts'
import { withoutNulls } from '../../domain/without-nulls.ts'
import type { Clock } from '../../ports/clock.ts'
import type { UseUploads } from '../uploads/use-uploads.ts'
import type { Submission } from './submit-task.ts'
import { isBounded, type SpendingType, worstTaskCost } from './worst-task-cost.ts'

/** A task as requested: by a caller over HTTP, a schedule, a workflow's step or an agent. */
export interface TaskRequest {
  readonly tenant: string
  readonly type: string
  /** As sent; validated by the type's schema. */
  readonly input?: unknown
  readonly model?: string | undefined
  readonly priority?: number | undefined
  readonly maxAttempts?: number | undefined
  readonly timeoutMs?: number | undefined
  readonly tags?: readonly string[] | undefined
  readonly webhook?: Webhook | undefined
  readonly maxCostUsd?: number | undefined
  readonly concurrencyKey?: string | undefined
  readonly runAt?: number | undefined
  readonly deadlineAt?: number | undefined
  readonly delayMs?: number | undefined
  readonly expiresInMs?: number | undefined
  readonly idempotencyKey?: string | undefined
  /** A valid `traceparent`. */
  readonly trace?: string | undefined
  /** Path of the input in the body, for error messages; empty in the short form, whose body contains the input's fields. */
  readonly inputPath?: '' | 'input'
}

export interface SubmittableType extends SpendingType {
  readonly lane: Lane
  readonly usesModel: boolean
  /** Capabilities that its code uses; only inputs of types with `files` are searched for uploads. */
  readonly needs?: readonly string[]
  /** Media types that its uploads may have, detected from their bytes; any when left out. */
  readonly accepts?: readonly string[]
  readonly input: Shape
  readonly retry: { readonly maxAttempts: number }
  readonly limits: { readonly timeoutMs: number; readonly maxCostUsd?: number | undefined }
}

export interface PrepareDependencies {
  readonly types: readonly SubmittableType[]
  readonly modelRoutes: ModelRoutes
  readonly defaultModel: string
  readonly clock: Clock
  /** SHA-256 over the value with sorted keys. */
  readonly hashOf: (value: unknown) => string
  readonly useUploads?: UseUploads
  /** The tenant's budget. */
  readonly budgetOf?: (tenant: string) => Promise<Budget | undefined>
  /** @returns why the URL of a webhook is refused. */
  readonly refusalOfUrl?: (url: string) => Promise<string | undefined>
}

const DAY_MS = 86_400_000

/**
 * Validates a request and decides type, input, model, limits and start of the task. Independent of HTTP: every task is
 * prepared here.
 *
 * @throws RequestError `invalid_request` with all errors, each with its path.
 */
export async function prepareSubmission(
  dependencies: PrepareDependencies,
  request: TaskRequest,
): Promise<Submission> {
  const { types, clock, hashOf } = dependencies
  const type = types.find(({ name }) => name === request.type)
  if (!type) throw invalid([unknownType(request.type, types)])
  if (isOfStage(type) && request.tenant !== OPEN_TENANT)
    throw invalid([
      { path: 'type', message: `"${type.name}" is submitted by the stage itself, by its schedule.` },
    ])
  const sent = withoutNulls(type.input, request.input ?? {})
  const input = await checkShape(type.input, sent, request.inputPath ?? 'input')
  const timeoutMs = request.timeoutMs ?? type.limits.timeoutMs
  const model = chooseModel(dependencies, type, request.model)
  const errors = [
    ...(input.isValid ? [] : input.errors),
    ...(timeoutMs > type.limits.timeoutMs
      ? [
          {
            path: 'timeout_seconds',
            message: `is at most ${type.limits.timeoutMs / 1_000} for "${type.name}".`,
          },
        ]
      : []),
    ...refusedTimes(request, clock.now()),
    ...refusedDeadline(request, type),
    ...('message' in model ? [model] : []),
    ...(await refusedWebhook(dependencies, request.webhook)),
  ]
  if (!input.isValid || 'message' in model || errors.length > 0) throw invalid(errors)
  const cost = await chooseCost(dependencies, request, type, { input: input.value, model: model.name })
  if (cost && 'message' in cost) throw invalid([cost])
  // Last, because it reads and writes: an upload's lifetime is extended only for a request that is otherwise valid.
  const refused = type.needs?.includes('files')
    ? await dependencies.useUploads?.(request.tenant, type, input.value, request.inputPath ?? 'input')
    : undefined
  if (refused?.length) throw invalid(refused)
  const { tenant, idempotencyKey, trace, inputPath: _path, ...asked } = request
  return {
    tenant,
    type: type.name,
    lane: type.lane,
    input: await storedInput(type.input, sent, input.value),
    model: model.name,
    priority: request.priority ?? 0,
    maxAttempts: request.maxAttempts ?? type.retry.maxAttempts,
    timeoutMs,
    tags: [...new Set(request.tags)],
    ...(request.runAt === undefined ? {} : { runAt: request.runAt }),
    ...(request.deadlineAt === undefined ? {} : { deadlineAt: request.deadlineAt }),
    ...(request.delayMs === undefined ? {} : { delayMs: request.delayMs }),
    ...(request.expiresInMs === undefined ? {} : { expiresInMs: request.expiresInMs }),
    ...(request.webhook === undefined ? {} : { webhook: request.webhook }),
    ...(request.maxCostUsd === undefined ? {} : { maxCostMicroUsd: toMicro(request.maxCostUsd) }),
    ...(request.concurrencyKey === undefined ? {} : { concurrencyKey: request.concurrencyKey }),
    ...(cost ? { worstMicroUsd: cost.microUsd } : {}),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(trace === undefined ? {} : { trace }),
    bodyHash: hashOf(asked),
  }
}

/** Types with this capability act on all tenants, so only operators may submit them. */
const isOfStage = ({ needs }: SubmittableType): boolean => needs?.includes('upkeep') ?? false

/** The task's highest possible cost; may be unknown where costs are not limited. */
async function chooseCost(
  { budgetOf }: PrepareDependencies,
  { tenant, maxCostUsd, maxAttempts }: TaskRequest,
  type: SubmittableType,
  { input, model }: { readonly input: unknown; readonly model: string | null },
): Promise<{ readonly microUsd: number } | FieldError | undefined> {
  if (maxCostUsd !== undefined && !type.usesModel)
    return { path: 'max_cost_usd', message: `does not go with "${type.name}": it calls no model.` }
  if (!type.usesModel) return undefined
  const budget = await budgetOf?.(tenant)
  const asked = { model, input, maxAttempts: maxAttempts ?? type.retry.maxAttempts, maxCostUsd }
  const cost = worstTaskCost(type, asked, budget)
  return 'message' in cost && !isBounded(budget, maxCostUsd) ? undefined : cost
}

async function refusedWebhook(
  { refusalOfUrl }: PrepareDependencies,
  webhook: Webhook | undefined,
): Promise<readonly FieldError[]> {
  const message = webhook && (await refusalOfUrl?.(webhook.url))
  return message ? [{ path: 'webhook.url', message }] : []
}

function unknownType(name: string, types: readonly SubmittableType[]): FieldError {
  const names = types.map((type) => type.name)
  return {
    path: 'type',
    message: `"${name.slice(0, 100)}" is not a task type.${nearestText(name, names)} Known: ${names.join(', ')}.`,
  }
}

function chooseModel(
  { modelRoutes, defaultModel }: PrepareDependencies,
  { usesModel, name }: SubmittableType,
  asked: string | undefined,
): { readonly name: string | null } | FieldError {
  if (!usesModel)
    return asked === undefined
      ? { name: null }
      : { path: 'model', message: `does not go with "${name}": it calls no model.` }
  const model = asked ?? defaultModel
  const refusal = refusalOfModel(modelRoutes, model)
  return refusal === undefined ? { name: model } : { path: 'model', message: refusal }
}

function refusedTimes({ runAt, delayMs, expiresInMs }: TaskRequest, now: number): readonly FieldError[] {
  const errors: FieldError[] = []
  if (runAt !== undefined && delayMs !== undefined)
    errors.push({ path: 'run_at', message: 'cannot go with delay_seconds; send one of them.' })
  if (runAt !== undefined && runAt > now + LIMITS.maxDelayDays * DAY_MS)
    errors.push({ path: 'run_at', message: `is at most ${LIMITS.maxDelayDays} days from now.` })
  const waitMs = Math.max(0, runAt === undefined ? (delayMs ?? 0) : runAt - now)
  if (expiresInMs !== undefined && expiresInMs <= waitMs)
    errors.push({
      path: 'expires_in_seconds',
      message: `ends before the task may start, ${Math.ceil(waitMs / 1_000)} s from now. It counts from now; send more than that.`,
    })
  return errors
}

function refusedDeadline({ deadlineAt, runAt }: TaskRequest, type: SubmittableType): readonly FieldError[] {
  const is = (message: string): readonly FieldError[] => [{ path: 'deadline', message }]
  if (deadlineAt === undefined) return []
  if (!type.usesModel) return is(`does not go with "${type.name}": it calls no model.`)
  if (runAt !== undefined && deadlineAt <= runAt) return is('is not after run_at, when the task may start.')
  return []
}

export const invalid = (errors: readonly FieldError[]): RequestError =>
  new RequestError(
    'invalid_request',
    errors
      .map(({ path, message }) => `${path || 'The body'} ${message}`)
      .join(' ')
      .slice(0, 1_000),
    errors.slice(0, MAX_ERRORS),
  )

import { createHash } from 'node:crypto'
import * as z from 'zod'
import { LIMITS } from '../../contract.ts'
import {
  invalid,
  type SubmittableType,
  type TaskRequest,
} from '../../core/application/submit/prepare-submission.ts'
import { checkShape, fieldsOf, MAX_ERRORS, unknownField } from '../../core/domain/check-shape.ts'
import type { FieldError } from '../../core/domain/errors.ts'
import { withoutNulls } from '../../core/domain/without-nulls.ts'
import { taskTypes } from '../../tasks/registry.gen.ts'
import { webhookShape } from './webhook.ts'

const MAX_DELAY_SECONDS = LIMITS.maxDelayDays * 86_400

/** The type of a body without `type`. */
const SHORT_TYPE = 'text.generate'

const options = {
  model: z.string().min(1).max(200).optional().describe('Name of the model; the stage has a default.'),
  priority: z.int().min(0).max(10).default(0).describe('8 and above use the urgent lane.'),
  delay_seconds: z
    .number()
    .min(0)
    .max(MAX_DELAY_SECONDS)
    .optional()
    .describe('Run this many seconds from now.'),
  run_at: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('Run at this time (RFC 3339). Not with delay_seconds.'),
  deadline: z.iso
    .datetime({ offset: true })
    .optional()
    .describe(
      'When you need the result (RFC 3339). Its model calls use a cheaper price tier while there is time, and a faster one when there is little.',
    ),
  expires_in_seconds: z
    .number()
    .min(1)
    .max(MAX_DELAY_SECONDS)
    .optional()
    .describe('Do not start later than this, counted from now; the task is EXPIRED then.'),
  timeout_seconds: z
    .number()
    .min(1)
    .optional()
    .describe('Limit of one attempt, at most the task type’s own.'),
  max_attempts: z.int().min(1).max(10).optional().describe('First try included.'),
  concurrency_key: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Of all your tasks with the same key, e.g. a customer’s id, one runs at a time, in order.'),
  max_cost_usd: z
    .number()
    .min(0.000001)
    .max(1_000_000)
    .optional()
    .describe(
      'Highest cost of its model calls, all attempts together; a call that could exceed it fails the task.',
    ),
  tags: z
    .array(z.string().min(1).max(64))
    .max(LIMITS.maxTags)
    .default([])
    .describe('Words of your choice, to filter the list by.'),
  webhook: webhookShape
    .optional()
    .describe('Receives the task’s events, in addition to the tenant’s endpoints.'),
}

/** `{prompt, …}`: fields of `text.generate` beside the options. The type's own schema validates its fields. */
const shortForm = z.object(options)
/** `{type, input, …}`: any task type. */
const generalForm = z.object({ type: z.string(), input: z.unknown().optional(), ...options })

/** All forms of a body by their names in the OpenAPI document; built only for the document. */
export function submitBody() {
  const general = taskTypes.map((type) => {
    const name = pascal(type.name)
    const input = (type.input as z.ZodType).meta({ id: `${name}Input` })
    return z
      .strictObject({
        type: z.literal(type.name),
        input: type.input.safeParse({}).success ? input.optional() : input,
        ...options,
      })
      .meta({ id: `${name}Request`, description: type.summary })
  })
  const fields = fieldsOf(
    taskTypes.find(({ name }) => name === SHORT_TYPE)?.input,
  ) as unknown as z.ZodRawShape
  const short = z
    .strictObject({ ...fields, ...options })
    .meta({ id: 'TextRequest', description: `The short form: ${SHORT_TYPE} without type and input.` })
  return z.union([short, ...general])
}

/** `text.generate` → `TextGenerate`. */
export const pascal = (name: string): string =>
  name.replace(/(?:^|[.-])(\w)/g, (_, letter: string) => letter.toUpperCase())

export type SubmitBody = Omit<TaskRequest, 'tenant'>

/** A task option, such as `model`, that is inside `input` by mistake. */
function misplacedIn(input: unknown, ownNames: readonly string[], inputNames: readonly string[]) {
  if (input === null || typeof input !== 'object' || inputNames.length === 0) return []
  return Object.keys(input)
    .filter((name) => ownNames.includes(name) && !inputNames.includes(name))
    .map((name) => ({
      path: `input.${name}`,
      message: `stands beside "input", not in it: {"type": …, "input": {…}, "${name}": …}.`,
    }))
}

/** @throws RequestError `invalid_request` with a path per field. */
export async function readSubmitBody(
  json: unknown,
  types: readonly SubmittableType[] = taskTypes,
): Promise<SubmitBody> {
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw invalid([{ path: '', message: 'must be a JSON object.' }])
  const body = new Map(Object.entries(json))
  const isShort = (body.get('type') ?? body.get('input') ?? null) === null
  const type = types.find(({ name }) => name === (isShort ? SHORT_TYPE : body.get('type')))
  const namesOf = (of: SubmittableType | undefined) => Object.keys(fieldsOf(of?.input) ?? {})
  const inputNames = namesOf(type)
  const shortNames = namesOf(types.find(({ name }) => name === SHORT_TYPE))
  const form = isShort ? shortForm : generalForm
  const ownNames = Object.keys(form.shape)
  if (isShort) {
    body.delete('type')
    body.delete('input')
  }
  const own = Object.fromEntries([...body].filter(([name]) => ownNames.includes(name)))
  const others = [...body].filter(([name]) => !ownNames.includes(name))
  const checked = await checkShape(form, withoutNulls(form, own))
  const input = isShort ? Object.fromEntries(others.filter(([name]) => inputNames.includes(name))) : own.input
  const misplaced = isShort || !type ? [] : misplacedIn(own.input, ownNames, inputNames)
  const errors = [
    ...(checked.isValid ? [] : checked.errors),
    ...misplaced,
    ...unknownNames(
      others.map(([name]) => name),
      { isShort, ownNames, inputNames, shortNames, type: type?.name },
    ),
  ]
  if (!checked.isValid || errors.length > 0) {
    const ofInput = type
      ? await checkShape(type.input, withoutNulls(type.input, input ?? {}), isShort ? '' : 'input')
      : { isValid: true as const }
    const reportedPaths = new Set(misplaced.map(({ path }) => path))
    const inside = ofInput.isValid ? [] : ofInput.errors.filter(({ path }) => !reportedPaths.has(path))
    throw invalid(orMissingPrompt([...errors, ...inside], isShort))
  }
  // `messages` replaces `prompt`.
  if (isShort && (body.get('prompt') ?? body.get('messages') ?? null) === null)
    throw invalid(orMissingPrompt([{ path: 'prompt', message: 'is missing.' }], true))
  return toRequest(
    checked.value,
    isShort ? { type: SHORT_TYPE, input } : (own as { type: string; input: unknown }),
    isShort,
  )
}

function toRequest(
  asked: z.output<typeof shortForm>,
  { type, input }: { readonly type: string; readonly input?: unknown },
  isShort: boolean,
): SubmitBody {
  const seconds = (value: number | undefined) => (value === undefined ? undefined : value * 1_000)
  return {
    type,
    input,
    model: asked.model,
    priority: asked.priority,
    tags: asked.tags,
    runAt: asked.run_at === undefined ? undefined : Date.parse(asked.run_at),
    deadlineAt: asked.deadline === undefined ? undefined : Date.parse(asked.deadline),
    delayMs: seconds(asked.delay_seconds),
    expiresInMs: seconds(asked.expires_in_seconds),
    timeoutMs: seconds(asked.timeout_seconds),
    maxAttempts: asked.max_attempts,
    webhook: asked.webhook,
    maxCostUsd: asked.max_cost_usd,
    concurrencyKey: asked.concurrency_key,
    inputPath: isShort ? '' : 'input',
  }
}

interface Form {
  readonly isShort: boolean
  readonly ownNames: readonly string[]
  readonly inputNames: readonly string[]
  /** Fields of the short form's type. */
  readonly shortNames: readonly string[]
  readonly type: string | undefined
}

/** Only as many as an answer lists, because finding the nearest name is slow and a body may have 200,000 names. */
const unknownNames = (names: readonly string[], form: Form): readonly FieldError[] =>
  names
    .filter((name) => !form.isShort || !form.inputNames.includes(name))
    .slice(0, MAX_ERRORS)
    .map((name) => unknownName(name, form))

function unknownName(name: string, form: Form): FieldError {
  const path = name.slice(0, 100)
  if (form.inputNames.includes(name))
    return { path, message: `belongs into input: {"type": "${form.type}", "input": {"${name}": …}}.` }
  if (form.type === undefined && form.shortNames.includes(name))
    return {
      path,
      message: `is of the short form, {"${name}": …}, which has no "input"; or send {"type": "${SHORT_TYPE}", "input": {"${name}": …}}.`,
    }
  const known = form.isShort ? [...form.inputNames, ...form.ownNames] : form.ownNames
  return { path, message: unknownField(name, known) }
}

/** A body with neither a prompt nor a type gets an error that describes both forms. */
const orMissingPrompt = (errors: readonly FieldError[], isShort: boolean): readonly FieldError[] =>
  errors.map((error) =>
    isShort && error.path === 'prompt' && error.message === 'is missing.'
      ? {
          ...error,
          message: 'is missing. Send {"prompt": …}, or {"type": …, "input": …} for another task type.',
        }
      : error,
  )

/** SHA-256 over the value with sorted keys, so that the order of fields does not matter. */
export const hashOf = (value: unknown): string => createHash('sha256').update(canonical(value)).digest('hex')

function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`
}

import { createHash } from 'node:crypto'
import * as z from 'zod'
import { LIMITS } from '../../contract.ts'
import { type FieldError, RequestError } from '../../core/domain/errors.ts'

const LONGEST_SECONDS = LIMITS.maxDelayDays * 86_400

const options = {
  model: z.string().min(1).max(200).optional().describe('Name of the model; the stage has a default.'),
  priority: z.int().min(0).max(10).default(0).describe('8 and above go to the urgent lane.'),
  delay_seconds: z
    .number()
    .min(0)
    .max(LONGEST_SECONDS)
    .optional()
    .describe('Run this many seconds from now.'),
  run_at: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('Run at this time (RFC 3339). Not with delay_seconds.'),
  expires_in_seconds: z
    .number()
    .min(1)
    .max(LONGEST_SECONDS)
    .optional()
    .describe('Do not start later than this; the task is EXPIRED then.'),
  timeout_seconds: z
    .number()
    .min(1)
    .optional()
    .describe('Limit of one attempt, at most the task type’s own.'),
  max_attempts: z.int().min(1).max(10).optional().describe('First try included.'),
  tags: z
    .array(z.string().min(1).max(64))
    .max(LIMITS.maxTags)
    .default([])
    .describe('Free words to filter the list by.'),
}

/** `{prompt, model?, priority?}`: shorthand for the type `text.generate`. */
export const seedForm = z.strictObject({ prompt: z.string().describe('What to ask the model.'), ...options })
/** `{type, input, …}`: any task type. */
export const generalForm = z.strictObject({
  type: z.string().describe('A task type of GET /task-types.'),
  input: z.unknown().describe('What the task type’s own schema asks for.'),
  ...options,
})

export const submitBody = () => z.union([seedForm, generalForm])

export type SubmitBody = z.output<typeof generalForm> & { readonly isSeedForm: boolean }

/** @throws RequestError `invalid_request` with a path per field. */
export function parseSubmitBody(body: unknown): SubmitBody {
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw invalid([{ path: '', message: 'must be a JSON object' }])
  const isSeedForm = !('type' in body)
  if (isSeedForm && !('prompt' in body))
    throw invalid([
      {
        path: 'prompt',
        message: 'is missing. Send {"prompt": …}, or {"type": …, "input": …} for another task type.',
      },
    ])
  const parsed = isSeedForm ? seedForm.safeParse(body) : generalForm.safeParse(body)
  if (!parsed.success) throw invalid(toFieldErrors(parsed.error))
  if (parsed.data.delay_seconds !== undefined && parsed.data.run_at !== undefined)
    throw invalid([{ path: 'run_at', message: 'cannot go with delay_seconds; send one of them.' }])
  if ('type' in parsed.data) return { ...parsed.data, isSeedForm }
  const { prompt, ...rest } = parsed.data
  return { ...rest, type: 'text.generate', input: { prompt }, isSeedForm }
}

export const invalid = (errors: readonly FieldError[]): RequestError =>
  new RequestError(
    'invalid_request',
    errors
      .map(({ path, message }) => `${path || 'The body'} ${message}`)
      .join('; ')
      .slice(0, 1_000),
    errors,
  )

/** @param prefix where the checked value sits in the body, e.g. `input`. */
export function toFieldErrors(error: z.ZodError, prefix = ''): readonly FieldError[] {
  return error.issues.slice(0, 20).flatMap((issue) => {
    const at = (...more: PropertyKey[]) =>
      [...(prefix ? [prefix] : []), ...issue.path, ...more].map(String).join('.')
    if (issue.code === 'unrecognized_keys')
      return issue.keys
        .slice(0, 20)
        .map((key) => ({ path: at(key.slice(0, 100)), message: 'is not a known field.' }))
    return [{ path: at(), message: issue.message }]
  })
}

/** SHA-256 over the value with sorted keys: the same request in another order of fields is the same request. */
export const hashOf = (value: unknown): string => createHash('sha256').update(canonical(value)).digest('hex')

function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`
}

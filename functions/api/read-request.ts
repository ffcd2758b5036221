/** Reads the parts of a request by a route's schemas. */
import * as z from 'zod'
import type { FieldError } from '../core/domain/errors.ts'
import type { HttpRequest } from '../hosts/http.ts'
import type { BodyShape } from './define-route.ts'
import { invalid, toFieldErrors } from './schemas/submit.ts'

const NONE = z.strictObject({})

export function readParams(schema: z.ZodObject | undefined, { parameters }: HttpRequest): unknown {
  return parse(schema ?? z.object({}), parameters)
}

export function readQuery(schema: z.ZodObject | undefined, { query }: HttpRequest): unknown {
  return parse(schema ?? NONE, query)
}

export function readHeaders(schema: z.ZodObject | undefined, { headers }: HttpRequest): unknown {
  if (!schema) return {}
  const named = Object.keys(schema.shape).map((name) => [name, headers[name.toLowerCase()]] as const)
  return parse(schema, Object.fromEntries(named.filter(([, value]) => value !== undefined)))
}

export function readBody(shape: BodyShape | undefined, request: HttpRequest): unknown {
  if (!shape) return undefined
  const json = shape.isOptional ? request.optionalJson() : request.json()
  if (shape.parse) return shape.parse(json)
  return parse(typeof shape.schema === 'function' ? shape.schema() : shape.schema, json)
}

function parse(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw invalid(toFieldErrors(parsed.error) as readonly FieldError[])
}

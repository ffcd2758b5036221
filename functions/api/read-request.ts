/** Validates the parts of a request with a route's schemas. */
import * as z from 'zod'
import { invalid } from '../core/application/submit/prepare-submission.ts'
import { checkShape, type Shape } from '../core/domain/check-shape.ts'
import { withoutNulls } from '../core/domain/without-nulls.ts'
import type { HttpRequest } from '../hosts/http.ts'
import type { BodyShape } from './define-route.ts'

const ANY_OBJECT = z.object({})

export const readParams = (schema: z.ZodObject | undefined, { parameters }: HttpRequest): Promise<unknown> =>
  check(schema ?? ANY_OBJECT, parameters)

/** @throws RequestError for an unknown field, or one that occurs more than once. */
export async function readQuery(
  schema: z.ZodObject | undefined,
  { query }: HttpRequest,
  hasBody: boolean,
): Promise<unknown> {
  const sent = Object.keys(query)
  if (!schema && sent.length > 0)
    throw invalid(
      sent.slice(0, 20).map((name) => ({
        path: name.slice(0, 100),
        message: `is not known: nothing is read from the query here.${hasBody ? ' Send it in the JSON body.' : ''}`,
      })),
    )
  const repeated = Object.entries(query).filter(([, values]) => values.length > 1)
  if (repeated.length > 0)
    throw invalid(
      repeated.slice(0, 20).map(([name, values]) => ({
        path: name.slice(0, 100),
        message: `came ${values.length} times. Send it once.`,
      })),
    )
  return check(
    schema ?? ANY_OBJECT,
    Object.fromEntries(Object.entries(query).map(([name, [value]]) => [name, value])),
  )
}

export async function readHeaders(
  schema: z.ZodObject | undefined,
  { headers }: HttpRequest,
): Promise<unknown> {
  if (!schema) return {}
  const named = Object.keys(schema.shape).map((name) => [name, headers[name.toLowerCase()]] as const)
  return check(schema, Object.fromEntries(named.filter(([, value]) => value !== undefined)))
}

export async function readBody(shape: BodyShape | undefined, request: HttpRequest): Promise<unknown> {
  if (!shape) return undefined
  if (shape.isText) return shape.parse?.(request.text())
  const json = shape.isOptional ? request.optionalJson() : request.json()
  if (shape.parse) return shape.parse(json)
  const lost = namedProto(json, '')
  // The validator would drop such a field without an error, and with it a workflow's step.
  if (lost !== undefined) throw invalid([{ path: lost, message: 'is a name that nothing can have.' }])
  const schema: Shape = typeof shape.schema === 'function' ? shape.schema() : shape.schema
  return check(schema, withoutNulls(schema, json))
}

/** @returns the path of a field named `__proto__`, at any depth. */
function namedProto(value: unknown, path: string): string | undefined {
  if (value === null || typeof value !== 'object') return undefined
  for (const [name, field] of Object.entries(value)) {
    const place = path === '' ? name : `${path}.${name}`
    const found = name === '__proto__' ? place : namedProto(field, place)
    if (found !== undefined) return found
  }
  return undefined
}

/** For routes that accept their input in the query and in the body: a body's fields replace those of the query. */
export function mergedInput({ query, body }: { readonly query: object; readonly body: unknown }): unknown {
  return body !== null && typeof body === 'object' && !Array.isArray(body) ? { ...query, ...body } : body
}

async function check(shape: Shape, value: unknown): Promise<unknown> {
  const checked = await checkShape(shape, value)
  if (checked.isValid) return checked.value
  throw invalid(checked.errors)
}

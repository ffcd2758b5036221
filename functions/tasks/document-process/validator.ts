/** Reads a JSON Schema of the caller's. Apart, as it is 12 kB that only a submit with such a schema needs. */
import * as z from 'zod'
import type { CallerSchema } from './extraction.ts'

export const toValidator = (schema: CallerSchema): z.ZodType<Record<string, unknown>> =>
  z.fromJSONSchema(schema as never) as z.ZodType<Record<string, unknown>>

/** Compiles a JSON Schema of the caller. In its own file, because only submits with such a schema need these 12 kB. */
import * as z from 'zod'
import type { CallerSchema } from './extraction.ts'

export const toValidator = (schema: CallerSchema): z.ZodType<Record<string, unknown>> =>
  z.fromJSONSchema(schema as never) as z.ZodType<Record<string, unknown>>

import * as z from 'zod'

/** A schema in the form for providers. In its own file, because it adds 10 kB that submits do not need. */
export function jsonSchemaOf(schema: z.ZodType): Readonly<Record<string, unknown>> {
  const { $schema: _draft, ...rest } = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' })
  return rest
}

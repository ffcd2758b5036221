/** The caller's schema: which keywords are allowed, and how it is sent to a provider. */
export type CallerSchema = Readonly<Record<string, unknown>>

const MAX_BYTES = 20_000
/** Refused, because a pattern can take minutes to match, and references can be endless. */
const REFUSED = ['pattern', 'patternProperties', '$ref', '$dynamicRef']

/** @returns why the schema is refused; undefined when it can be used. */
export async function checkExtraction(schema: CallerSchema): Promise<string | undefined> {
  if (JSON.stringify(schema).length > MAX_BYTES) return `is larger than ${MAX_BYTES} bytes`
  if (schema.type !== 'object') return 'must be a JSON Schema with "type": "object"'
  const refused = REFUSED.find((keyword) => uses(schema, keyword))
  if (refused) return `must not use "${refused}"`
  try {
    const { toValidator } = await import('./validator.ts')
    toValidator(schema)
    return undefined
  } catch (error) {
    return `is no JSON Schema that is understood: ${error instanceof Error ? error.message.slice(0, 200) : ''}`
  }
}

/** Whether a schema uses a keyword, apart from properties with the same name. */
function uses(schema: unknown, keyword: string): boolean {
  if (schema === null || typeof schema !== 'object') return false
  if (Array.isArray(schema)) return schema.some((part) => uses(part, keyword))
  return Object.entries(schema).some(([name, part]) => {
    if (name === 'properties' && part !== null && typeof part === 'object')
      return Object.values(part).some((property) => uses(property, keyword))
    return (
      name === keyword || (name !== 'enum' && name !== 'const' && name !== 'examples' && uses(part, keyword))
    )
  })
}

/** As providers demand: objects without further properties, and every property required. */
export function toStrictSchema(schema: unknown): CallerSchema {
  const walk = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(walk)
    if (part === null || typeof part !== 'object') return part
    const walked = Object.fromEntries(Object.entries(part).map(([name, value]) => [name, walk(value)]))
    return walked.type === 'object' && walked.properties
      ? { ...walked, required: Object.keys(walked.properties), additionalProperties: false }
      : walked
  }
  return walk(schema) as CallerSchema
}

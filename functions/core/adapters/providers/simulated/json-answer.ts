type Schema = Readonly<Record<string, unknown>>

/** Deeper than any schema that providers accept; ends schemas that refer to themselves. */
const MAX_DEPTH = 12

/**
 * A value that matches a JSON Schema, so that tasks that need JSON can be tried without a key. The same schema and text give
 * the same value.
 */
export function jsonAnswer(schema: Schema, text: string): string {
  return JSON.stringify(sample(schema, { root: schema, text, depth: 0 }))
}

interface Place {
  readonly root: Schema
  readonly text: string
  readonly depth: number
}

function sample(schema: Schema, place: Place): unknown {
  const deeper = { ...place, depth: place.depth + 1 }
  if (place.depth > MAX_DEPTH) return null
  if ('const' in schema) return schema.const
  if (Array.isArray(schema.enum)) return schema.enum[0]
  if (typeof schema.$ref === 'string') return sample(resolve(place.root, schema.$ref), deeper)
  for (const choice of [schema.anyOf, schema.oneOf, schema.allOf])
    if (Array.isArray(choice)) return sample((choice[0] ?? {}) as Schema, deeper)
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries((schema.properties ?? {}) as Record<string, Schema>).map(([name, property]) => [
          name,
          sample(property, deeper),
        ]),
      )
    case 'array': {
      const count = Math.max(1, Number(schema.minItems ?? 0))
      return Array.from({ length: count }, () => sample((schema.items ?? {}) as Schema, deeper))
    }
    case 'string':
      return place.text.slice(0, Math.min(200, Number(schema.maxLength ?? 200)))
    case 'number':
    case 'integer':
      return Number(schema.minimum ?? Math.min(1, Number(schema.maximum ?? 1)))
    case 'boolean':
      return false
    default:
      return null
  }
}

function resolve(root: Schema, ref: string): Schema {
  let at: unknown = root
  for (const name of ref.replace(/^#\/?/, '').split('/').filter(Boolean)) at = (at as Schema)?.[name]
  return (at ?? {}) as Schema
}

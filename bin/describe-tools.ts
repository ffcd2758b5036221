/** Generates the MCP tools of the routes, so that their schemas are not calculated at each cold start. */
import * as z from 'zod'
import { type FoundRoute, NOTE } from './generate-routes.ts'

/** @throws Error when two parts of a route have a field with the same name, which an agent could not distinguish. */
export function toolsOf(routes: readonly FoundRoute[]): string {
  const tools = routes.filter(({ route }) => route.mcp)
  return `${NOTE}${tools.map(({ name, file }) => `import { ${name}Route } from '../${file}'`).join('\n')}
import type { RouteTool } from './call-route.ts'

export const ROUTE_TOOLS: readonly RouteTool[] = [
${tools.map((found) => `  {\n    route: ${found.name}Route,\n    input: ${JSON.stringify(inputOf(found))},\n  },`).join('\n')}
]
`
}

type JsonSchema = Record<string, unknown> & {
  readonly properties?: Readonly<Record<string, object>>
  readonly required?: readonly string[]
  readonly additionalProperties?: unknown
}

function inputOf({ name, route }: FoundRoute): JsonSchema {
  const body = typeof route.body?.schema === 'function' ? route.body.schema() : route.body?.schema
  const parts = [route.params, route.query, body].filter((part) => part !== undefined).map(toJsonSchema)
  const names = parts.flatMap(({ properties = {} }) => Object.keys(properties))
  const twice = names.find((field, index) => names.indexOf(field) !== index)
  if (twice !== undefined)
    throw new Error(`${name} cannot be a tool: "${twice}" is in two of its parameters, query and body.`)
  const defaults = Object.entries(route.mcp?.defaults ?? {})
  const properties: Record<string, object> = Object.assign({}, ...parts.map((part) => part.properties))
  for (const [field, value] of defaults) properties[field] = { ...properties[field], default: value }
  const required = parts.flatMap((part) => part.required ?? [])
  return {
    ...Object.assign({}, ...parts),
    type: 'object',
    properties,
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  }
}

const toJsonSchema = (schema: z.ZodType): JsonSchema => {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
    },
  })
  return inlined(json as JsonSchema)
}

const REFERENCE = /^#\/\$defs\/(.+)$/

/** Inlines references, because some agents cannot follow them; only recursive ones are kept. */
function inlined(schema: JsonSchema): JsonSchema {
  const { $defs = {}, ...root } = schema as { readonly $defs?: Readonly<Record<string, object>> }
  const named = (value: unknown) => REFERENCE.exec(String((value as { $ref?: string })?.$ref))?.[1]
  const namesIn = (value: unknown): string[] =>
    value === null || typeof value !== 'object'
      ? []
      : [named(value) ?? [], ...Object.values(value).map(namesIn)].flat()
  const reach = (name: string, seen = new Set<string>()): Set<string> => {
    for (const next of namesIn($defs[name])) if (!seen.has(next)) reach(next, seen.add(next))
    return seen
  }
  const recursive = Object.keys($defs).filter((name) => reach(name).has(name))
  const expand = (value: unknown): unknown => {
    if (value === null || typeof value !== 'object') return value
    if (Array.isArray(value)) return value.map(expand)
    const name = named(value)
    if (name === undefined || recursive.includes(name))
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, expand(part)]))
    const { $ref: _, ...rest } = value as { readonly $ref: string }
    return { ...(expand($defs[name]) as object), ...rest }
  }
  const kept = recursive.map((name) => [name, expand($defs[name])] as const)
  return {
    ...(expand(root) as JsonSchema),
    ...(kept.length > 0 ? { $defs: Object.fromEntries(kept) } : {}),
  }
}

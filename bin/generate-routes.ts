/** Generates from the route declarations: the functions' entries, the list for CDK, the OpenAPI document. */
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AnyRoute } from '../functions/api/define-route.ts'
import { type ApiFunction, BUNDLES } from '../functions/contract.ts'
import type { TaskDefinition } from '../functions/core/kit/define-task.ts'
import { describeApi } from './describe-api.ts'
import { toolsOf } from './describe-tools.ts'
import { isStale } from './generated-file.ts'

const ROOT = resolve(import.meta.dirname, '..')
const API = 'functions/api'

/** The function that answers every path and method without a route. */
const FALLBACK_OF: ApiFunction = 'api-public'

export interface FoundRoute {
  /** Name of the operation: the file's name in camel case. */
  readonly name: string
  /** Folder of the file; the operation's tag in the document. */
  readonly subject: string
  readonly file: string
  readonly route: AnyRoute
}

/**
 * @param options.check only compares; nothing is written.
 * @returns the files that are (or would be) changed.
 * @throws Error that names the file with the error.
 */
export async function generateRoutes(options: { check?: boolean; root?: string } = {}): Promise<string[]> {
  const root = options.root ?? ROOT
  const routes = await findRoutes(root)
  const { taskTypes } = (await import(pathToFileURL(join(root, 'functions/tasks/registry.gen.ts')).href)) as {
    taskTypes: readonly TaskDefinition[]
  }
  const files = new Map<string, string>([
    ['routes.gen.json', toJson(routes.map(toRow))],
    ['routes.gen.ts', typesOf(routes)],
    ['mcp/route-tools.gen.ts', toolsOf(routes)],
    ['openapi.gen.json', toJson(describeApi(routes, taskTypes))],
  ])
  const changed: string[] = []
  const client = 'lib/client/operations.gen.ts'
  if (
    existsSync(join(root, 'lib/client')) &&
    (await isStale(join(root, client), operationsOf(routes), options.check))
  )
    changed.push(client)
  for (const name of Object.keys(BUNDLES).filter((bundle) => bundle.startsWith('api-')) as ApiFunction[])
    files.set(`groups/${name}.gen.ts`, entryOf(name, routes))
  for (const [file, text] of files) {
    const path = join(root, API, file)
    if (await isStale(path, text, options.check)) changed.push(`${API}/${file}`)
  }
  for (const file of await readdir(join(root, API, 'groups'))) {
    if (files.has(`groups/${file}`)) continue
    changed.push(`${API}/groups/${file}`)
    if (!options.check) await rm(join(root, API, 'groups', file))
  }
  return changed
}

async function findRoutes(root: string): Promise<readonly FoundRoute[]> {
  const folder = join(root, API, 'routes')
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts')).sort()
  const routes = await Promise.all(names.map((name) => load(folder, name)))
  const seen = new Map<string, string>()
  for (const { route, name, file } of routes)
    for (const key of [`${route.method} ${route.path}`, name]) {
      const other = seen.get(key)
      if (other) throw new Error(`${API}/${file} and ${API}/${other} are both "${key}". Change one.`)
      seen.set(key, file)
    }
  return routes
}

async function load(folder: string, path: string): Promise<FoundRoute> {
  const file = `routes/${path}`
  const [subject, ...rest] = path.split('/')
  if (!subject || rest.length !== 1)
    throw new Error(`${API}/${file} must lie in the folder of its subject: ${API}/routes/<subject>/.`)
  const name = basename(path, '.ts').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  const module = (await import(pathToFileURL(join(folder, path)).href).catch((cause: Error) => {
    throw new Error(`${API}/${file} does not load: ${cause.message}`, { cause })
  })) as Readonly<Record<string, AnyRoute>>
  const route = module[`${name}Route`]
  if (typeof route?.start !== 'function')
    throw new Error(`${API}/${file} must export ${name}Route = defineRoute({...}).`)
  const parameters = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
  const declared = Object.keys(route.params?.shape ?? {})
  if (parameters.join() !== declared.join())
    throw new Error(`${API}/${file}: the path has {${parameters}}, params has {${declared}}.`)
  return { name, subject, file, route }
}

const toJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

const toRow = ({ name, route }: FoundRoute) => ({
  name,
  method: route.method,
  path: route.path,
  function: route.function,
  ...(route.isStreamed ? { isStreamed: true } : {}),
  scope: route.scope,
  ...(route.query ? { query: Object.keys(route.query.shape) } : {}),
  ...(route.mcp ? { tool: route.mcp.tool } : {}),
})

export const NOTE =
  '// Written by "npm run generate" from the files under functions/api/routes. Do not edit.\n'

function entryOf(name: ApiFunction, routes: readonly FoundRoute[]): string {
  const own = routes.filter(({ route }) => route.function === name)
  const isFallback = name === FALLBACK_OF
  const imports = own.map((route) => `import { ${route.name}Route } from '../${route.file}'`)
  const streamed = own.filter(({ route }) => route.isStreamed)
  if (streamed.length > 0 && streamed.length < own.length)
    throw new Error(
      `${name}: some routes stream and some do not. Give those that stream a function of their own.`,
    )
  const [host, file] = streamed.length > 0 ? ['streamHandler', 'stream'] : ['httpHandler', 'lambda']
  const list = own.map((route) => `  ${route.name}Route,`).join('\n')
  return `${NOTE}import { ${host} } from '../../hosts/${file}.ts'
${isFallback ? "import { fallbackRoute } from '../fallback-route.ts'\n" : ''}${imports.join('\n')}

export const handler = ${host}([
${list}
]${isFallback ? ', fallbackRoute' : ''})
`
}

const typesOf = (routes: readonly FoundRoute[]): string => `${NOTE}${routes
  .map((route) => `import type { ${route.name}Route } from './${route.file}'`)
  .join('\n')}

/** Every operation with its declaration: types only, nothing of it is loaded. */
export interface Routes {
${routes.map(({ name }) => `  readonly ${name}: typeof ${name}Route`).join('\n')}
}
`

/** Everything that the client knows about the API at run time. */
const operationsOf = (routes: readonly FoundRoute[]): string => `${NOTE}
export const OPERATIONS = {
${routes.map(({ name, route }) => `  ${name}: ['${route.method}', '${route.path}'],`).join('\n')}
} as const
`

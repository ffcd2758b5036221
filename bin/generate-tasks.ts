/** Generates the registry and the manifest of task types from the folders in `functions/tasks`. */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import * as z from 'zod'
import type { TaskDefinition } from '../functions/core/kit/define-task.ts'
import { isStale } from './generated-file.ts'

const ROOT = resolve(import.meta.dirname, '..')
const FOLDER = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
const LOAD_MS = 60_000

/**
 * @param options.check only compares; nothing is written.
 * @param options.root the project, for tests.
 * @returns the files that are (or would be) changed, and notes for the author.
 * @throws Error that names the folder with the error.
 */
export async function generateTasks(
  options: { check?: boolean; root?: string } = {},
): Promise<{ changed: string[]; warnings: string[] }> {
  const root = options.root ?? ROOT
  const folder = join(root, 'functions/tasks')
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  const types: {
    readonly folder: string
    readonly definition: TaskDefinition
    readonly examples: unknown[]
    readonly heavy: readonly string[]
  }[] = []
  const odd = names.find((name) => !FOLDER.test(name))
  // The registry derives a variable of each folder's name.
  if (odd !== undefined)
    throw new Error(`functions/tasks/${odd}: name the folder in lower case, as "text-translate".`)
  for (const name of names.sort()) types.push(await load(folder, name))
  const byName = new Map<string, string>()
  for (const { folder: own, definition } of types) {
    const other = byName.get(definition.name)
    if (other)
      throw new Error(
        `functions/tasks/${own} and functions/tasks/${other} both name themselves "${definition.name}". Rename one.`,
      )
    byName.set(definition.name, own)
  }
  const files = {
    'registry.gen.ts': registry(
      types.map((type) => type.folder),
      types.map((type) => type.definition.name),
    ),
    'manifest.gen.json': manifest(types),
    'heavy.gen.ts': heavyRegistry(
      types.map((type) => type.folder).filter((own) => existsSync(join(folder, own, 'heavy.ts'))),
    ),
  }
  const changed: string[] = []
  for (const [file, text] of Object.entries(files)) {
    if (await isStale(join(folder, file), text, options.check)) changed.push(`functions/tasks/${file}`)
  }
  return { changed, warnings: types.flatMap(({ heavy }) => heavy) }
}

async function load(tasks: string, folder: string) {
  const file = join(tasks, folder, 'task.ts')
  const shown = `functions/tasks/${folder}/task.ts`
  if (!existsSync(file))
    throw new Error(`${shown} is missing: every folder of functions/tasks is a task type.`)
  const module = (await importWhole(file).catch(async (cause: unknown) => {
    const why = cause instanceof Error ? cause.message : `it throws ${inspect(cause)}`
    throw new Error(`${shown}${await placeOf(file, 'ts', cause)} does not load: ${why}`, { cause })
  })) as { default?: TaskDefinition }
  if (typeof module.default?.run !== 'function')
    throw new Error(`${shown} must default-export what defineTask({...}) returns.`)
  const examples = await readExamples(tasks, folder, module.default)
  return { folder, definition: module.default, examples, heavy: await heavyImports(file, shown) }
}

/** @throws Error when a top-level await of the module, or of one that it imports, does not end. */
async function importWhole(file: string): Promise<unknown> {
  let onEndless = () => {}
  const endless = new Promise<never>((_, reject) => {
    onEndless = () => reject(new Error('a top-level await does not end. Wait for it inside run.'))
  })
  // Without anything to wait for, Node would end here without naming the module; otherwise it would wait for ever.
  process.once('beforeExit', onEndless)
  const timer = setTimeout(onEndless, LOAD_MS).unref()
  try {
    return await Promise.race([import(pathToFileURL(file).href), endless])
  } finally {
    process.off('beforeExit', onEndless)
    clearTimeout(timer)
  }
}

async function readExamples(tasks: string, folder: string, { input }: TaskDefinition): Promise<unknown[]> {
  const shown = `functions/tasks/${folder}/examples.json`
  const file = join(tasks, folder, 'examples.json')
  const text = await readFile(file, 'utf8').catch(() => '[]')
  let examples: unknown
  try {
    examples = JSON.parse(text)
  } catch (cause) {
    throw new Error(`${shown}${await placeOf(file, 'json', cause)} is not JSON.`, { cause })
  }
  if (!Array.isArray(examples)) throw new Error(`${shown} must be a list of inputs: [{ … }].`)
  for (const [index, example] of examples.entries()) {
    const parsed = await input.safeParseAsync(example)
    if (parsed.success) continue
    const issues = parsed.error.issues.map(({ path, message }) =>
      path.length > 0 ? `${path.join('.')}: ${message}` : message,
    )
    throw new Error(
      `${shown}:${lineOfElement(text, index)}: example ${index + 1} does not fit the input schema: ${issues.join('; ')}`,
    )
  }
  return examples
}

/** Line on which the n-th element of a JSON list begins. */
function lineOfElement(text: string, index: number): number {
  const tokens = text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]|[^\s[\]{},"]+/g)
  let depth = 0
  let element = 0
  for (const { 0: token, index: at } of tokens) {
    if (depth === 1 && element === index && token !== ',') return text.slice(0, at).split('\n').length
    if (token === '[' || token === '{') depth += 1
    if (token === ']' || token === '}') depth -= 1
    if (token === ',' && depth === 1) element += 1
  }
  return 1
}

/**
 * `:line:column` of the error that prevents a file from loading: a syntax error, or the file's first line in the stack; or the place
 * in a file that it imports.
 */
async function placeOf(file: string, loader: 'ts' | 'json', cause: unknown): Promise<string> {
  const { transform } = await import('esbuild')
  const failure = await transform(await readFile(file, 'utf8'), { loader, logLevel: 'silent' }).then(
    () => undefined,
    (error: { errors?: readonly { location?: { line: number; column: number } }[] }) => error,
  )
  const location = failure?.errors?.[0]?.location
  if (location) return `:${location.line}:${location.column + 1}`
  const stack = cause instanceof Error ? (cause.stack ?? '') : ''
  const [, after = ''] = stack.split(pathToFileURL(file).href)
  const own = /^:\d+(?::\d+)?/.exec(after)?.[0]
  if (own) return own
  // The first file of the author's that is in the stack.
  const [, other] = /\/(functions\/tasks\/[^\s()]+:\d+:\d+)/.exec(stack) ?? []
  return other ? ` (${other})` : ''
}

/** Packages imported at the top of a task type, because every submit would load them. */
async function heavyImports(file: string, shown: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8')
  const names = [...text.matchAll(/^import\s+(?!type\b)(?:[^'"]*?from\s*)?['"]([^'"./][^'"]*)['"]/gm)]
  return names
    .map(([, name = '']) => name)
    .filter((name) => name !== 'zod' && !name.startsWith('node:'))
    .map(
      (name) =>
        `${shown} imports "${name}" at its top, so every submit loads it. Inside run: const x = await import('${name}')`,
    )
}

const camel = (folder: string): string =>
  folder.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

const registry = (
  folders: readonly string[],
  names: readonly string[],
): string => `// Written by "npm run generate" from the folders beside it. Do not edit.
import type { TaskDefinition } from '../core/kit/define-task.ts'
${folders.map((folder) => `import ${camel(folder)} from './${folder}/task.ts'`).join('\n')}

/** Every type by its name, for code whose types depend on it. */
export interface TaskTypes {
${folders.map((folder, index) => `  readonly '${names[index]}': typeof ${camel(folder)}`).join('\n')}
}

export const taskTypes = [${folders.map(camel).join(', ')}] as unknown as readonly TaskDefinition[]

const byName = new Map(taskTypes.map((type) => [type.name, type]))

export const findTaskType = (name: string): TaskDefinition | undefined => byName.get(name)
`

/** Registry of the heavy work that runs in a thread; each folder is loaded at its first use. */
const heavyRegistry = (
  folders: readonly string[],
): string => `// Written by "npm run generate" from the folders beside it. Do not edit.
export const heavyModules: Readonly<Record<string, () => Promise<object>>> = {
${folders.map((folder) => `  '${folder}': () => import('./${folder}/heavy.ts'),`).join('\n')}
}
`

const manifest = (
  types: readonly { folder: string; definition: TaskDefinition; examples: unknown[] }[],
): string =>
  `${JSON.stringify(
    types.map(({ folder, definition, examples }) => ({
      name: definition.name,
      summary: definition.summary,
      version: definition.version,
      lane: definition.lane,
      usesModel: definition.usesModel,
      needs: definition.needs,
      maxAttempts: definition.retry.maxAttempts,
      timeoutMs: definition.limits.timeoutMs,
      input: schemaOf(definition.input, 'input'),
      output: schemaOf(definition.output, 'output'),
      examples,
      folder,
    })),
    null,
    2,
  )}\n`

function schemaOf(schema: z.ZodType, io: 'input' | 'output') {
  const { $schema: _draft, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Record<
    string,
    unknown
  >
  return rest
}

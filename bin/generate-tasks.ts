/** `npm run tasks`: writes the registry and the manifest of task types from the folders under `functions/tasks`. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as z from 'zod'
import type { TaskDefinition } from '../functions/core/kit/define-task.ts'

const ROOT = resolve(import.meta.dirname, '..')

/**
 * @param options.check compares only; nothing is written.
 * @param options.root the project, for tests.
 * @returns the files that are (or would be) rewritten.
 * @throws Error that names the folder at fault.
 */
export async function generateTasks(
  options: { check?: boolean; root?: string } = {},
): Promise<{ changed: string[] }> {
  const root = options.root ?? ROOT
  const folder = join(root, 'functions/tasks')
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  const types: {
    readonly folder: string
    readonly definition: TaskDefinition
    readonly examples: unknown[]
  }[] = []
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
    'registry.gen.ts': registry(types.map((type) => type.folder)),
    'manifest.gen.json': manifest(types),
  }
  const changed: string[] = []
  for (const [file, text] of Object.entries(files)) {
    const path = join(folder, file)
    if ((await readFile(path, 'utf8').catch(() => '')) === text) continue
    changed.push(`functions/tasks/${file}`)
    if (!options.check) await writeFile(path, text)
  }
  return { changed }
}

async function load(tasks: string, folder: string) {
  const file = join(tasks, folder, 'task.ts')
  const module = (await import(pathToFileURL(file).href).catch((cause) => {
    throw new Error(`functions/tasks/${folder}/task.ts does not load: ${cause.message}`, { cause })
  })) as { default?: TaskDefinition }
  if (typeof module.default?.run !== 'function')
    throw new Error(`functions/tasks/${folder}/task.ts must default-export what defineTask({...}) returns.`)
  const examples: unknown[] = JSON.parse(
    await readFile(join(tasks, folder, 'examples.json'), 'utf8').catch(() => '[]'),
  )
  for (const [index, example] of examples.entries()) {
    const parsed = module.default.input.safeParse(example)
    if (!parsed.success)
      throw new Error(
        `functions/tasks/${folder}/examples.json: example ${index + 1} does not fit the input schema: ${parsed.error.issues[0]?.message}`,
      )
  }
  return { folder, definition: module.default, examples }
}

const camel = (folder: string): string =>
  folder.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

const registry = (
  folders: readonly string[],
): string => `// Written by "npm run tasks" from the folders beside it. Do not edit.
import type { TaskDefinition } from '../core/kit/define-task.ts'
${folders.map((folder) => `import ${camel(folder)} from './${folder}/task.ts'`).join('\n')}

export const taskTypes = [${folders.map(camel).join(', ')}] as unknown as readonly TaskDefinition[]

const byName = new Map(taskTypes.map((type) => [type.name, type]))

export const findTaskType = (name: string): TaskDefinition | undefined => byName.get(name)
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

if (import.meta.main) {
  const isCheck = process.argv.includes('--check')
  try {
    const { changed } = await generateTasks({ check: isCheck })
    if (changed.length > 0)
      console.log(
        `${isCheck ? 'Stale' : 'Wrote'}: ${changed.join(', ')}${isCheck ? '. Run "npm run tasks".' : ''}`,
      )
    if (isCheck && changed.length > 0) process.exitCode = 1
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}

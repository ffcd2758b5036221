/** `npm run new-task -- text.translate`: creates the folder of a new task type, its test, and its registration. */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs, styleText } from 'node:util'
import { LANES } from '../functions/contract.ts'
import { nearestText } from '../functions/core/domain/nearest-name.ts'
import { generateTasks } from './generate-tasks.ts'

const ROOT = resolve(import.meta.dirname, '..')
const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*\.[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/

interface NewTask {
  readonly name: string
  readonly lane: string
  readonly usesModel: boolean
}

const HELP = `npm run new-task -- <noun.verb> [--lane <lane>] [--no-model]

Writes functions/tasks/<noun-verb>/ with task.ts, examples.json and task.test.ts, and registers it.

  --lane <lane>   where it queues: ${LANES.join(', ')} (default ai, without a model demo)
  --model         it asks a model (default); --no-model when it does not

What a task may use: functions/tasks/README.md`

/** The folder of `text.translate` is `text-translate`. */
const folderOf = (name: string): string => name.replace('.', '-')

const taskFile = ({ name, lane, usesModel }: NewTask): string => `import * as z from 'zod'
import { defineTask } from '../../core/kit/index.ts'

export default defineTask({
  name: '${name}',
  summary: 'Says in one line what it does.',
  version: 1,
  lane: '${lane}',
${usesModel ? "  needs: ['model'],\n" : ''}  input: z.strictObject({
    text: z.string().min(1).max(20_000).describe('What to work on.'),
  }),
  output: z.string(),
  run: async ({ input, ${usesModel ? 'model, ' : ''}progress }) => {
${
  usesModel
    ? `    progress(10, 'asking the model')
    return model.complete({ prompt: input.text })`
    : `    progress(50, 'half way')
    return input.text.toUpperCase()`
}
  },
})
`

const testFile = ({ name, usesModel }: NewTask): string => `import { describe, expect, it } from 'vitest'
import { runTaskType } from '../../core/kit/run-task-type.ts'
import task from './task.ts'

describe('${name}', () => {
${
  usesModel
    ? `  it('answers with the text of the model', async () => {
    const { result, prompts } = await runTaskType(task, { text: 'hello' }, { answer: 'world' })
    expect(result).toBe('world')
    expect(prompts).toEqual(['hello'])
  })`
    : `  it('answers with the text in capitals', async () => {
    const { result } = await runTaskType(task, { text: 'hello' })
    expect(result).toBe('HELLO')
  })`
}

  it('refuses an empty text', () => {
    expect(task.input.safeParse({ text: '' }).success).toBe(false)
  })
})
`

/**
 * @returns the written files, relative to the project's root.
 * @throws Error that says what is wrong with the name, or which file already exists.
 */
export async function newTask(
  name: string,
  { lane: asked, usesModel = true }: { lane?: string | undefined; usesModel?: boolean | undefined } = {},
  root = ROOT,
): Promise<string[]> {
  const lane = asked ?? (usesModel ? 'ai' : 'demo')
  if (!NAME.test(name))
    throw new Error(
      `"${name}" is no name of a task type. It is noun.verb in small letters, e.g. text.translate: npm run new-task -- text.translate`,
    )
  if (!(LANES as readonly string[]).includes(lane))
    throw new Error(`There is no lane "${lane}".${nearestText(lane, LANES)} Lanes: ${LANES.join(', ')}.`)
  const folder = folderOf(name)
  const task = { name, lane, usesModel }
  const files = {
    [`functions/tasks/${folder}/task.ts`]: taskFile(task),
    [`functions/tasks/${folder}/examples.json`]: '[{ "text": "hello" }]\n',
    [`functions/tasks/${folder}/task.test.ts`]: testFile(task),
  }
  for (const file of Object.keys(files))
    if (existsSync(join(root, file)))
      throw new Error(`${file} is there already. Choose another name, or delete it.`)
  for (const [file, text] of Object.entries(files)) {
    await mkdir(resolve(root, file, '..'), { recursive: true })
    await writeFile(join(root, file), text)
  }
  const { changed: ofTasks } = await generateTasks({ root })
  // Imported here, because it loads the registry, which must contain the new type.
  const { generateRoutes } = await import('./generate-routes.ts')
  const changed = [...ofTasks, ...(await generateRoutes({ root }))]
  return [...Object.keys(files), ...changed]
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: { lane: { type: 'string' }, model: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help) return console.log(HELP)
  const [name = '', ...more] = positionals
  if (more.length > 0) throw new Error(`One name at a time, not ${positionals.join(' ')}.\n\n${HELP}`)
  const files = await newTask(name, { lane: values.lane, usesModel: values.model })
  for (const file of files) console.log(`${styleText('green', 'wrote')} ${file}`)
  console.log(`\nNext: edit functions/tasks/${folderOf(name)}/task.ts (its README.md is one folder up), then`)
  console.log('npm run check')
}

if (import.meta.main)
  await main().catch((cause: Error) => {
    console.error(styleText('red', cause.message))
    process.exitCode = 1
  })

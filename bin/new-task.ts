/** `npm run new-task -- text.translate`: writes the folder of a new task type, its test, and the registry. */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs, styleText } from 'node:util'
import { LANES } from '../functions/contract.ts'
import { generateTasks } from './generate-tasks.ts'

const ROOT = resolve(import.meta.dirname, '..')
const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*\.[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/

/** The folder of `text.translate` is `text-translate`. */
const folderOf = (name: string): string => name.replace('.', '-')

const taskFile = (name: string, lane: string): string => `import * as z from 'zod'
import { defineTask } from '../../core/kit/index.ts'

export default defineTask({
  name: '${name}',
  summary: 'Says in one line what it does.',
  version: 1,
  lane: '${lane}',
  usesModel: true,
  input: z.strictObject({
    text: z.string().min(1).max(20_000).describe('What to work on.'),
  }),
  output: z.string(),
  run: async ({ input, model, progress }) => {
    progress(10, 'asking the model')
    return model.complete({ prompt: input.text })
  },
})
`

const testFile = (name: string): string => `import { describe, expect, it } from 'vitest'
import task from '../../../functions/tasks/${folderOf(name)}/task.ts'
import { runTaskType } from '../../fixtures/run-task-type.ts'

describe('${name}', () => {
  it('answers with the text of the model', async () => {
    const { result, prompts } = await runTaskType(task, { text: 'hello' }, { answer: 'world' })
    expect(result).toBe('world')
    expect(prompts).toEqual(['hello'])
  })

  it('refuses an empty text', () => {
    expect(task.input.safeParse({ text: '' }).success).toBe(false)
  })
})
`

/**
 * @returns the files written, below the project's root.
 * @throws Error that says what is wrong with the name, or what is in the way.
 */
export async function newTask(name: string, lane = 'ai', root = ROOT): Promise<string[]> {
  if (!NAME.test(name))
    throw new Error(
      `"${name}" is no name of a task type. It is noun.verb in small letters, e.g. text.translate: npm run new-task -- text.translate`,
    )
  if (!(LANES as readonly string[]).includes(lane))
    throw new Error(`There is no lane "${lane}". Lanes: ${LANES.join(', ')}.`)
  const folder = folderOf(name)
  const files = {
    [`functions/tasks/${folder}/task.ts`]: taskFile(name, lane),
    [`functions/tasks/${folder}/examples.json`]: '[{ "text": "hello" }]\n',
    [`test/unit/tasks/${folder}.test.ts`]: testFile(name),
  }
  for (const file of Object.keys(files))
    if (existsSync(join(root, file)))
      throw new Error(`${file} is there already. Choose another name, or delete it.`)
  for (const [file, text] of Object.entries(files)) {
    await mkdir(resolve(root, file, '..'), { recursive: true })
    await writeFile(join(root, file), text)
  }
  const { changed } = await generateTasks({ root })
  return [...Object.keys(files), ...changed]
}

if (import.meta.main) {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { lane: { type: 'string' } } })
  try {
    const files = await newTask(positionals[0] ?? '', values.lane)
    for (const file of files) console.log(`${styleText('green', 'wrote')} ${file}`)
    console.log(`\nNext: edit functions/tasks/${folderOf(positionals[0] ?? '')}/task.ts, then npm run check`)
  } catch (cause) {
    console.error(styleText('red', (cause as Error).message))
    process.exitCode = 1
  }
}

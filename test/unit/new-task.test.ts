import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generateTasks } from '../../bin/generate-tasks.ts'
import { newTask } from '../../bin/new-task.ts'

const project = resolve(import.meta.dirname, '../..')
let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'new-task-'))
  await cp(join(project, 'functions'), join(root, 'functions'), { recursive: true })
  for (const file of ['package.json', '.env.example']) await cp(join(project, file), join(root, file))
  await symlink(join(project, 'node_modules'), join(root, 'node_modules'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

describe('the registry of task types', () => {
  it('matches the folders; if this fails, run "npm run generate"', async () => {
    expect((await generateTasks({ check: true })).changed).toEqual([])
  })

  it('refuses two folders with the same task type name', async () => {
    await cp(join(root, 'functions/tasks/example-add'), join(root, 'functions/tasks/other-add'), {
      recursive: true,
    })
    await expect(generateTasks({ root })).rejects.toThrow('both name themselves "example.add"')
  })
})

it.each(['Odd Folder é', 'text_odd', '2-texts'])(
  'the folder "%s" is refused before anything is written',
  async (folder) => {
    const written = () => readFile(join(root, 'functions/tasks/registry.gen.ts'), 'utf8')
    const before = await written()
    await write(folder, { 'task.ts': taskText('ai') })
    await expect(generateTasks({ root })).rejects.toThrow(
      `functions/tasks/${folder}: name the folder in lower case`,
    )
    expect(await written()).toBe(before)
  },
)

it('a folder without a task.ts is named', async () => {
  await write('shared', { 'helper.ts': '' })
  await expect(generateTasks({ root })).rejects.toThrow('functions/tasks/shared/task.ts is missing')
})

/** A task folder with these files. */
async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(root, 'functions/tasks', folder), { recursive: true })
  for (const [name, text] of Object.entries(files))
    await writeFile(join(root, 'functions/tasks', folder, name), text)
}

/** The error of the command itself: the test runner's loader would hide where a module fails. */
async function complaint(): Promise<string> {
  await mkdir(join(root, 'bin'))
  for (const file of [
    'generate.ts',
    'generate-providers.ts',
    'generate-tasks.ts',
    'generated-file.ts',
    'generate-routes.ts',
    'describe-api.ts',
    'describe-tools.ts',
    'api-examples.ts',
  ])
    await cp(join(project, 'bin', file), join(root, 'bin', file))
  const run = promisify(execFile)(process.execPath, [join(root, 'bin/generate.ts')])
  return run.then(
    () => '',
    ({ stderr }: { stderr: string }) => stderr,
  )
}

const taskText = (lane: string, before = '') => `import * as z from 'zod'
${before}import { defineTask } from '../../core/kit/index.ts'

export default defineTask({
  name: 'unicorn.groom', summary: 'Grooms.', version: 1, lane: '${lane}',
  input: z.strictObject({ name: z.string(), coat: z.strictObject({ length: z.number() }) }),
  output: z.string(),
  run: async ({ input }) => input.name,
})
`

describe('the error for a task type that does not load states its place', () => {
  it('a syntax error: file, line and column', async () => {
    await write('unicorn-groom', { 'task.ts': `${taskText('ai')}\nconst x = (\n` })
    expect(await complaint()).toMatch(/^functions\/tasks\/unicorn-groom\/task\.ts:12:\d+ does not load/)
  })

  it('an error thrown while loading: the line that threw', async () => {
    await write('unicorn-groom', { 'task.ts': taskText('ai', "\nJSON.parse('{')\n") })
    expect(await complaint()).toMatch(/task\.ts:3:\d+ does not load: Expected property name/)
  })

  it('an error thrown in a file that it imports: the line there', async () => {
    await write('unicorn-groom', {
      'task.ts': taskText('ai', "import './coat.ts'\n"),
      'coat.ts': "JSON.parse('{')\n",
    })
    expect(await complaint()).toMatch(
      /^functions\/tasks\/unicorn-groom\/task\.ts \(functions\/tasks\/unicorn-groom\/coat\.ts:1:\d+\) does not load/,
    )
  })

  it.each([
    ['throw undefined', 'does not load: it throws undefined'],
    ['await new Promise(() => {})', 'does not load: a top-level await does not end'],
    ["throw 'a text'", "does not load: it throws 'a text'"],
  ])('%s', async (code, why) => {
    await write('unicorn-groom', { 'task.ts': taskText('ai', `\n${code}\n`) })
    expect(await complaint()).toContain(`functions/tasks/unicorn-groom/task.ts ${why}`)
  })

  it('a timer that it starts at load does not keep the command waiting', async () => {
    await write('unicorn-groom', { 'task.ts': taskText('ai', '\nsetInterval(() => {}, 1_000)\n') })
    expect(await complaint()).toBe('')
  })

  it('a lane that does not exist: the nearest that does', async () => {
    await write('unicorn-groom', { 'task.ts': taskText('docs') })
    await expect(generateTasks({ root })).rejects.toThrow(/there is no lane "docs"\. Nearest: "documents"/)
  })

  it('a wrong example: its line, and the path of each field', async () => {
    const good = '{ "name": "a ] , {", "coat": { "length": 1 } }'
    const bad = '{ "name": "b", "coat": { "length": "long" } }'
    await write('unicorn-groom', {
      'task.ts': taskText('ai'),
      'examples.json': `[\n  ${good},\n  ${bad}\n]\n`,
    })
    await expect(generateTasks({ root })).rejects.toThrow(
      /examples\.json:3: example 2 does not fit the input schema: coat\.length: .*expected number/,
    )
  })

  it('examples that are not JSON: the file and the line', async () => {
    await write('unicorn-groom', { 'task.ts': taskText('ai'), 'examples.json': '[\n{ "name": }\n]' })
    await expect(generateTasks({ root })).rejects.toThrow(/examples\.json:2:11 is not JSON/)
  })

  it('a package imported at the top of the file: it loads, with a warning', async () => {
    await write('unicorn-groom', {
      'task.ts': taskText('ai', "import { marked } from 'marked'\nvoid marked\n"),
    })
    expect((await generateTasks({ root })).warnings).toEqual([
      expect.stringContaining('imports "marked" at its top'),
    ])
  })
})

describe('npm run new-task', () => {
  it('writes the folder and its test, and registers it', async () => {
    const files = await newTask('unicorn.groom', { lane: 'documents' }, root)
    expect(files).toEqual([
      'functions/tasks/unicorn-groom/task.ts',
      'functions/tasks/unicorn-groom/examples.json',
      'functions/tasks/unicorn-groom/task.test.ts',
      'functions/tasks/registry.gen.ts',
      'functions/tasks/manifest.gen.json',
      'functions/api/openapi.gen.json',
    ])
    expect(await readFile(join(root, 'functions/tasks/registry.gen.ts'), 'utf8')).toContain(
      "'./unicorn-groom/task.ts'",
    )
    const manifest = JSON.parse(await readFile(join(root, 'functions/tasks/manifest.gen.json'), 'utf8'))
    expect(manifest).toContainEqual(expect.objectContaining({ name: 'unicorn.groom', lane: 'documents' }))
    await expect(newTask('unicorn.groom', {}, root)).rejects.toThrow('is there already')
  })

  it.each(['', 'translate', 'Text.Translate', 'text.', '../evil.x', 'unicorn.groom.twice'])(
    'refuses the name "%s" and says what a name may contain',
    async (name) => {
      await expect(newTask(name, {}, root)).rejects.toThrow('noun.verb')
    },
  )

  it('refuses a lane that does not exist', async () => {
    await expect(newTask('unicorn.groom', { lane: 'docs' }, root)).rejects.toThrow('Nearest: "documents"')
  })
})

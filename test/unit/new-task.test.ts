import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generateTasks } from '../../bin/generate-tasks.ts'
import { newTask } from '../../bin/new-task.ts'

const project = resolve(import.meta.dirname, '../..')
let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'new-task-'))
  await cp(join(project, 'functions'), join(root, 'functions'), { recursive: true })
  await mkdir(join(root, 'test/fixtures'), { recursive: true })
  await cp(join(project, 'test/fixtures/run-task-type.ts'), join(root, 'test/fixtures/run-task-type.ts'))
  await cp(join(project, 'package.json'), join(root, 'package.json'))
  await symlink(join(project, 'node_modules'), join(root, 'node_modules'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

describe('the registry of task types', () => {
  it('is what the folders say; if this fails, run "npm run tasks"', async () => {
    expect(await generateTasks({ check: true })).toEqual({ changed: [] })
  })

  it('refuses two folders with one name', async () => {
    await cp(join(root, 'functions/tasks/example-add'), join(root, 'functions/tasks/other-add'), {
      recursive: true,
    })
    await expect(generateTasks({ root })).rejects.toThrow('both name themselves "example.add"')
  })
})

describe('npm run new-task', () => {
  it('writes the folder and its test, and registers it', async () => {
    const files = await newTask('unicorn.groom', 'documents', root)
    expect(files).toEqual([
      'functions/tasks/unicorn-groom/task.ts',
      'functions/tasks/unicorn-groom/examples.json',
      'test/unit/tasks/unicorn-groom.test.ts',
      'functions/tasks/registry.gen.ts',
      'functions/tasks/manifest.gen.json',
    ])
    expect(await readFile(join(root, 'functions/tasks/registry.gen.ts'), 'utf8')).toContain(
      "'./unicorn-groom/task.ts'",
    )
    const manifest = JSON.parse(await readFile(join(root, 'functions/tasks/manifest.gen.json'), 'utf8'))
    expect(manifest).toContainEqual(expect.objectContaining({ name: 'unicorn.groom', lane: 'documents' }))
    await expect(newTask('unicorn.groom', 'ai', root)).rejects.toThrow('is there already')
  })

  it.each(['', 'translate', 'Text.Translate', 'text.', '../evil.x', 'unicorn.groom.twice'])(
    'refuses the name "%s" and says what a name is',
    async (name) => {
      await expect(newTask(name, 'ai', root)).rejects.toThrow('noun.verb')
    },
  )

  it('refuses a lane that does not exist', async () => {
    await expect(newTask('unicorn.groom', 'fast', root)).rejects.toThrow('Lanes: ai, documents')
  })
})

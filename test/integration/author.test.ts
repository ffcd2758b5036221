import { execFile } from 'node:child_process'
import { appendFile, cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const project = resolve(import.meta.dirname, '../..')
let root: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'author-'))
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-co', '--exclude-standard'], {
    cwd: project,
  })
  const tops = new Set(stdout.split('\n').map((path) => path.split('/')[0] ?? ''))
  for (const name of tops) if (name) await cp(join(project, name), join(root, name), { recursive: true })
  await symlink(join(project, 'node_modules'), join(root, 'node_modules'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

/** @returns what it printed; its exit code is 0. */
async function run(script: string, ...args: string[]): Promise<string> {
  const done = promisify(execFile)('npm', ['run', '--silent', script, '--', ...args], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    maxBuffer: 32 * 1024 * 1024,
  })
  const { stdout, stderr } = await done.catch((cause: { stdout: string; stderr: string }) => {
    throw new Error(`npm run ${script} ${args.join(' ')} failed:\n${cause.stdout}${cause.stderr}`)
  })
  return stdout + stderr
}

describe('who adds to the project in a copy of it', () => {
  it('a new task type: all checks stay green, and its own test is among them', async () => {
    await run('new-task', 'text.translate')
    await run('new-task', 'report.print', '--no-model')
    const printed = await run('check')
    expect(printed).toContain('functions/tasks/text-translate/task.test.ts')
    expect(printed).toContain('functions/tasks/report-print/task.test.ts')
  })

  it('a file that is not formatted: the command that mends it is named, and mends it', async () => {
    const file = join(root, 'functions/tasks/report-print/task.ts')
    const text = await readFile(file, 'utf8')
    await appendFile(file, 'export   const   more=1;\n')
    await expect(run('lint')).rejects.toThrow('npm run format mends')
    await run('format')
    await run('lint')
    await writeFile(file, text)
  })

  it('new-task --help tells what there is to choose', async () => {
    expect(await run('new-task', '--help')).toMatch(/--lane <lane>.*ai, documents[\s\S]*--no-model/)
  })
})

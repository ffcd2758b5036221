import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ADDITIONS, filesOf, write } from '../fixtures/additions.ts'
import { Client } from '../fixtures/client.ts'

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
// The killed process's children may still write for a moment.
afterAll(() => rm(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))

/** @returns its output; the exit code must be 0. */
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

describe('an author who adds to a copy of the project', () => {
  // All in one copy, because the checks take minutes.
  it('task types, the code blocks of the authors’ page, each row of README’s "Extend it": all checks pass', async () => {
    await run('new-task', 'text.shorten')
    await run('new-task', 'report.print', '--no-model')
    const page = await readFile(join(root, 'functions/tasks/README.md'), 'utf8')
    const blocks = [...page.matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)]
    expect(blocks.length).toBe(5)
    for (const [, path = '', text = ''] of blocks) {
      await mkdir(join(root, path, '..'), { recursive: true })
      await writeFile(join(root, path), text)
    }
    const readme = await readFile(join(root, 'README.md'), 'utf8')
    for (const [row, files] of Object.entries(ADDITIONS)) {
      expect(readme).toMatch(new RegExp(`^\\| an? ${row} \\|`, 'm'))
      await write(root, files)
    }
    expect(filesOf(ADDITIONS)).toEqual({ route: 1, 'model provider': 2, lane: 2, alarm: 3, command: 2 })
    await run('generate')
    expect(await readFile(join(root, 'functions/tasks/registry.gen.ts'), 'utf8')).toContain('report-write')
    await run('format')
    const rights = () => readFile(join(root, 'test/infra/snapshots/rights.txt'), 'utf8')
    const before = await rights()
    // Lint, types, every unit and template test. The template snapshots accept what a lane and an alarm add.
    const printed = await run('check', '--update')
    for (const folder of ['text-shorten', 'report-print', 'text-translate'])
      expect(printed).toContain(`✓ functions/tasks/${folder}/task.test.ts`)
    // Task types give no function a right: new rights belong to the lane and the provider.
    const known = new Set(before.split('\n'))
    const added = (await rights()).split('\n').filter((line) => !known.has(line))
    expect(added.length).toBeGreaterThan(0)
    expect(added.filter((line) => !/owl/i.test(line))).toEqual([])
  }, 500_000)

  it('for an unformatted file, the check names the command that formats it, and the command does so', async () => {
    const file = join(root, 'functions/tasks/report-print/task.ts')
    const text = await readFile(file, 'utf8')
    await appendFile(file, 'export   const   more=1;\n')
    await expect(run('lint')).rejects.toThrow('npm run format mends')
    await run('format')
    await run('lint')
    await writeFile(file, text)
  })

  it('new-task --help lists the choices', async () => {
    expect(await run('new-task', '--help')).toMatch(/--lane <lane>.*ai, .*documents[\s\S]*--no-model/)
  })
})

/** Throws on line 26, in a function of its own, after it has written to the console with every method. */
const PROBE = `import * as z from 'zod'
import { defineTask } from '../../core/kit/index.ts'

export default defineTask({
  name: 'probe.run',
  summary: 'Shows what an author sees of it.',
  version: 1,
  lane: 'demo',
  retry: { maxAttempts: 1 },
  input: z.strictObject({ mode: z.enum(['throw', 'answer', 'wrong']) }),
  output: z.strictObject({ text: z.string() }),
  run: async ({ input, log, sleep }) => {
    log('from the context', { step: 1 })
    console.info('%s is %d', 'x', 4)
    console.log('object', { a: 1 })
    await sleep(1)
    console.warn('warned \\u001b[2J')
    console.error(new Error('alone'))
    if (input.mode === 'throw') explode()
    if (input.mode === 'wrong') return { text: 7 as unknown as string }
    return { text: 'first' }
  },
})

function explode(): never {
  throw new TypeError('boom')
}
`

describe('an author who works on a task type with npm run dev', () => {
  const file = () => join(root, 'functions/tasks/probe-run/task.ts')
  let child: ChildProcess
  let output = ''
  let url = ''
  const printed = async (text: string | RegExp, from = 0) => {
    for (;;) {
      const match = output.slice(from).match(text)
      if (match) return match
      if (child.exitCode !== null) throw new Error(`npm run dev ended: ${output}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  /** Saves, and waits for the terminal's answer. */
  const save = async (text: string, answer: string | RegExp) => {
    const from = output.length
    await writeFile(file(), text)
    return printed(answer, from)
  }

  beforeAll(async () => {
    await mkdir(join(root, 'functions/tasks/probe-run'), { recursive: true })
    await writeFile(file(), PROBE)
    const state = join(root, '.taskrunner')
    child = spawn(process.execPath, ['bin/start.ts', '--watch', '--port', '0'], {
      cwd: root,
      env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1', TASKRUNNER_STATE: state, OPENAI_API_KEY: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8')
      })
    await printed('Watching functions/')
    url = `http://127.0.0.1:${/localhost:(\d+)\/api\/v1\n/.exec(output)?.[1]}`
  })
  afterAll(async () => {
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('exit', resolve))
  })

  const logsOf = async (id: string) => {
    const env = { ...process.env, NO_COLOR: '1', TASKRUNNER_STATE: join(root, '.taskrunner') }
    const cli = promisify(execFile)(process.execPath, ['bin/taskrunner.ts', 'logs', '--task', id], {
      cwd: root,
      env,
    })
    return (await cli).stdout
  }

  const finish = async (mode: string) => {
    const client = new Client(url)
    const { id } = await client.submit({ type: 'probe.run', input: { mode } })
    return client.done(id)
  }

  it('a thrown error: code and message for the caller, the stack with file and line for the author', async () => {
    const task = await finish('throw')
    expect(task).toMatchObject({ status: 'FAILED', error: { code: 'task_failed', message: 'boom' } })
    expect(JSON.stringify(task)).not.toContain('task.ts')
    const stack =
      /│ TypeError\n.*at explode \(functions\/tasks\/probe-run\/task\.ts:26:9\)\n.*at .*functions\/tasks\/probe-run\/task\.ts:19:33/
    await printed(/failed .* task_failed: boom/)
    expect(output).toMatch(stack)
    const logged = await logsOf(task.id)
    expect(logged).toMatch(/task\.ts:26:9/)
  })

  it('console output has the task’s id and its level, formatted as Node does', async () => {
    const { id } = await finish('answer')
    const logged = await logsOf(id)
    // A line of its own, not one in another.
    expect(logged).toMatch(/ task\.log from the context step=1 /)
    expect(output).toContain('│ from the context step=1')
    expect(logged + output).not.toContain("event: 'task.log'")
    expect(logged).toContain('x is 4')
    expect(logged).toContain('object { a: 1 }')
    expect(logged).toMatch(/WARN.*warned/)
    expect(logged).toMatch(/ERROR.*Error: alone[\s\S]*task\.ts:18:19/)
    expect(output).toContain('│ x is 4')
    expect(output).not.toContain('\u001b[2J')
  })

  it('the error for an output that the schema refuses names the field', async () => {
    expect((await finish('wrong')).error).toMatchObject({
      code: 'invalid_output',
      message: expect.stringMatching(/result\.text: .*expected string/),
    })
  })

  it('the terminal prints each state of a task, one line each', async () => {
    const { id } = await finish('answer')
    await printed(new RegExp(`done +${id} +in `))
    const words = output
      .split('\n')
      .flatMap((line) => (line.includes(id) && !line.includes('│') ? [line.split(/ +/)[1]] : []))
    expect(words).toEqual(['received', 'attempt', 'done'])
  })

  it('a change inside a task runs without a synth, and types are checked in parallel', async () => {
    await save(PROBE.replace("'first'", "'second'"), /Reloaded \(/)
    expect((await finish('answer')).result).toEqual({ text: 'second' })
    const wrong = PROBE.replace("text: 'first'", 'text: 1')
    const [types] = await save(wrong, /Types:\n.*/)
    expect(types).toContain('functions/tasks/probe-run/task.ts(')
    await save(PROBE, /Types are right again/)
  })

  it('a change of a task that changes the template: version, lane', async () => {
    await save(PROBE.replace("lane: 'demo'", "lane: 'email'"), /Reloaded \(/)
    expect(await finish('answer')).toMatchObject({ lane: 'email', result: { text: 'first' } })
  })

  it('code that does not load is not used: the old code stays, and the error names the place', async () => {
    const [lane] = await save(PROBE.replace("'demo'", "'docs'"), /Not reloaded.*\n?.*Lanes:/)
    expect(lane).toContain('there is no lane "docs". Nearest: "documents"')
    await save(
      PROBE.replace('run: async (', 'run: async (('),
      /Not reloaded[\s\S]*probe-run\/task\.ts:\d+:\d+ does not load/,
    )
    expect((await finish('answer')).status).toBe('COMPLETED')
    await save(PROBE, /Reloaded \(/)
  })
})

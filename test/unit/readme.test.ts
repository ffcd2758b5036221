import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createProgram } from '../../bin/taskrunner.ts'
import { STATUSES } from '../../lib/client/types.ts'

const root = resolve(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Written by `new-task` when the reader runs the command of the line. */
const MADE_BY_COMMAND = ['functions/tasks/text-translate/']

describe('the README', () => {
  it('names only files and folders that exist', () => {
    const named = [...readme.matchAll(/`((?:functions|lib|bin|test)\/[\w./-]*)`/g)].map(
      (match) => match[1] ?? '',
    )
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((path) => !MADE_BY_COMMAND.includes(path) && !existsSync(join(root, path)))).toEqual(
      [],
    )
  })

  it('names only npm scripts that exist, and the file of every such script exists', () => {
    const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? '')
    expect(named.filter((name) => !(name in scripts))).toEqual([])
    const files = Object.values<string>(scripts).flatMap((line) => /node (\S+\.ts)/.exec(line)?.[1] ?? [])
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
  })
})

describe('the README in Chinese', () => {
  const chinese = readFileSync(join(root, 'README.zh.md'), 'utf8')
  /** Commands of a page: lines of its code blocks, and inline code that starts like a command; without comments. */
  const commandsOf = (text: string) => {
    const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
      block.split('\n'),
    )
    const inline = [...text.matchAll(/`((?:npm|npx|docker|node) [^`]+)`/g)].map(([, command = '']) => command)
    return [...blocks, ...inline].map((line) => line.replace(/\s+#.*$/, '').trim()).filter(Boolean)
  }

  it('has the same commands as the README', () => {
    const known = commandsOf(readme)
    const own = commandsOf(chinese)
    expect(own.length).toBeGreaterThan(15)
    expect(own.filter((command) => !known.includes(command))).toEqual([])
  })

  it('names only files and task states that exist', () => {
    const named = [...chinese.matchAll(/(?:`|\]\()((?:functions|lib|bin|test)\/[\w./-]*)/g)].map(
      ([, path = '']) => path,
    )
    expect(named.filter((path) => !MADE_BY_COMMAND.includes(path) && !existsSync(join(root, path)))).toEqual(
      [],
    )
    for (const status of STATUSES) expect(chinese).toContain(`\`${status}\``)
  })
})

describe('the page for Celery users', () => {
  const page = readFileSync(join(root, 'bin/FROM-CELERY.md'), 'utf8')

  it('names only commands, options and words that the CLI has', async () => {
    const program = createProgram()
    const named = [...page.matchAll(/`npx taskrunner (\w+)([^`]*)`/g)]
    expect(named.length).toBeGreaterThan(12)
    for (const [text, name, rest = ''] of named) {
      const command = program.commands.find((item) => item.name() === name)
      expect(command, text).toBeDefined()
      const flags = [...rest.matchAll(/--[\w-]+/g)].map(([flag]) => flag)
      const has = command?.options.map(({ long }) => long) ?? []
      expect(
        flags.filter((flag) => !has.includes(flag)),
        text,
      ).toEqual([])
    }
    const kinds = program.commands.find((item) => item.name() === 'inspect')?.registeredArguments[0]
      ?.argChoices
    for (const [, kind] of page.matchAll(/npx taskrunner inspect (\w+)/g)) expect(kinds).toContain(kind)
  })

  it('names every state', () => {
    for (const status of STATUSES) expect(page).toContain(`\`${status}\``)
  })
})

describe('the container', () => {
  const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')
  const compose = readFileSync(join(root, 'compose.yaml'), 'utf8')

  it('copies and starts only files that exist, and takes every setting of .env.example', () => {
    const files = [...dockerfile.matchAll(/(?:"|\s)((?:bin\/)?[\w-]+\.(?:json|ts|mjs))/g)].map(
      ([, file = '']) => file,
    )
    expect(files.length).toBeGreaterThan(3)
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
    // The whole file: a stage that .env closes must not be open because a setting did not reach the container.
    const { taskrunner } = (
      parse(compose) as { services: Record<string, { env_file: unknown; environment: object }> }
    ).services
    expect(taskrunner?.env_file).toEqual([{ path: '.env', required: false }])
    // These override the file: otherwise it would listen where it cannot be reached, or lose its state with the container.
    const [, settings = ''] = /^ENV (.+)$/m.exec(dockerfile) ?? []
    const fixed = Object.fromEntries(settings.split(' ').map((setting) => setting.split('=')))
    expect(fixed).toMatchObject({ HOST: '0.0.0.0', PORT: '3000', TASKRUNNER_STATE: '/state' })
    expect(taskrunner?.environment).toEqual(fixed)
  })
})

it('no tracked text contains the markers of an unfinished merge', async () => {
  const { stdout } = await promisify(execFile)('git', ['grep', '-lE', '^(<{7}|>{7}) '], { cwd: root }).catch(
    (nothing: { stdout: string }) => nothing,
  )
  expect(stdout).toBe('')
})

import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forTerminal, oneLine } from '../../bin/cli/screen.ts'
import { parseTime } from '../../bin/cli/values.ts'
import { readLine } from '../../bin/commands/logs.ts'
import { frameOf } from '../../bin/commands/top.ts'
import { type Banner, bannerText, modelLines } from '../../bin/start/banner.ts'
import { unusedNames } from '../../bin/start/env-file.ts'
import { TaskLines } from '../../bin/start/task-lines.ts'

const root = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)

/** The completions of a shell after these words. @returns undefined where the machine has no such shell. */
const OFFERS: Readonly<Record<string, (file: string, words: readonly string[]) => readonly string[]>> = {
  bash: (file, words) => [
    '-c',
    `source ${file}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _${words[0] === 'npx' ? 'npx_' : ''}taskrunner; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  zsh: (file, words) => [
    '-f',
    '-c',
    // Its completion system runs only in a terminal, so its input is printed, and filtered here.
    `compdef() { :; }; source ${file}; compadd() { print -l -- "$@"; }; _describe() { print -l -- "\${(@P)2}"; }; words=(${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length}; _${words[0] === 'npx' ? 'npx_' : ''}taskrunner`,
  ],
  fish: (file, words) => ['--no-config', '-c', `source ${file}; complete -C '${words.join(' ')}'`],
}
const hasShell = (shell: string) => spawnSync(shell, ['-c', 'exit 0']).status === 0

describe.each(Object.keys(OFFERS))('completion in %s', (shell) => {
  let folder: string
  let file: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'completion-'))
    file = join(folder, 'script')
    const { stdout } = await run(process.execPath, [join(root, 'bin/taskrunner.ts'), 'completion', shell])
    await writeFile(file, stdout)
  })
  afterAll(() => rm(folder, { recursive: true }))

  it.skipIf(!hasShell(shell)).each([
    [['taskrunner', 'ke'], 'keys'],
    [['taskrunner', 'keys', 'cr'], 'create'],
    [['taskrunner', 'keys', 'create', '--exp'], '--expires-in-days'],
    [['taskrunner', 'list', '--status', 'comp'], 'completed'],
    [['npx', 'taskr'], 'taskrunner'],
    [['npx', 'taskrunner', 'redrive', 'ur'], 'urgent'],
  ])('%s', async (words, offered) => {
    const { stdout: lines } = await run(shell, [...(OFFERS[shell]?.(file, words) ?? [])])
    const last = words.at(-1) ?? ''
    const found = lines
      .split('\n')
      .map((line) => line.split(/[\t:]/)[0] ?? '')
      .filter((word) => word !== '--' && word.startsWith(last))
    expect(found).toEqual([offered])
  })
})

describe('text for a terminal', () => {
  const hostile = 'a\u001b[2Jb\u001b]0;title\u0007c\u009bd\u202ee'

  it('contains no control character except line ends, tabs and colours', () => {
    expect(forTerminal(`\u001b[31mred\u001b[39m\t${hostile}\n`, { isTTY: true })).toBe(
      '\u001b[31mred\u001b[39m\ta[2Jb]0;titlecde\n',
    )
  })

  it('keeps only the command line’s own colours, and ends a colour that foreign text started', () => {
    const tty = { isTTY: true }
    // Hidden, inverse, blinking, other colours, a reset of everything: harmful, by intent or not.
    for (const code of [
      '8',
      '7',
      '5',
      '0',
      '',
      '38;5;1',
      '48;2;0;0;0',
      '1;8',
      '30',
      '40',
      '97',
      '021',
      '3:1',
    ])
      expect(forTerminal(`a\u001b[${code}mb`, tty)).toBe(`a[${code}mb`)
    expect(forTerminal('an answer\u001b[31m that never ends', tty)).toBe(
      'an answer\u001b[31m that never ends\u001b[39;22m',
    )
    expect(forTerminal('\u001b[1mbold\u001b[22m', tty)).toBe('\u001b[1mbold\u001b[22m')
    expect(forTerminal('\u001b[1m\u001b[36mx\u001b[22m', tty)).toBe(
      '\u001b[1m\u001b[36mx\u001b[22m\u001b[39;22m',
    )
  })

  it('is printed by `top` with every line made safe, whatever a stage or its error contains', () => {
    const frame = frameOf('http://x\u001b[2J', `TYPE ${hostile}\nconnect \u001b]52;c;cm0gLXJm\u0007`, {
      isTTY: true,
      rows: 9,
    })
    expect(frame).toBe(
      '\u001b[Hhttp://x[2J\u001b[K\n\u001b[K\nTYPE a[2Jb]0;titlecde\u001b[K\nconnect ]52;c;cm0gLXJm\u001b[K\u001b[J',
    )
  })

  it('is unchanged when it goes to a file', () => {
    expect(forTerminal(hostile, { isTTY: false })).toBe(hostile)
  })

  it('is one line where one line is needed', () => {
    expect(oneLine(`x\r\n${hostile}`)).toBe('x a[2Jb]0;titlecde')
  })
})

describe('the command line', () => {
  it('prints its version', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    for (const flag of ['--version', '-V', 'version'])
      expect((await run(process.execPath, [join(root, 'bin/taskrunner.ts'), flag])).stdout).toBe(
        `${version}\n`,
      )
  })

  it('a log line names the tenant where there are several', () => {
    const textOf = (tenant: string) =>
      readLine('Writes', JSON.stringify({ message: { event: 'task.submitted', tenant, lane: 'ai' } }))?.text
    expect(textOf('default')).toBe('task.submitted lane=ai')
    expect(textOf('acme')).toBe('task.submitted tenant=acme lane=ai')
  })

  it('a time with a space, or without a zone, is UTC', () => {
    const at = '2026-11-24T09:30:00.000Z'
    for (const text of [
      '2026-11-24T09:30:00',
      '2026-11-24 09:30',
      '2026-11-24 09:30:00',
      '2026-11-24 10:30 +01:00',
    ])
      expect(parseTime(text)).toBe(at)
  })

  it('completes npx taskrunner in bash: commands, then their options', async () => {
    const { stdout: script } = await run(process.execPath, [
      join(root, 'bin/taskrunner.ts'),
      'completion',
      'bash',
    ])
    const complete = async (...words: string[]) => {
      const lines = `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _npx_taskrunner
echo "\${COMPREPLY[@]}"`
      return (await run('bash', ['-c', lines])).stdout.trim().split(' ')
    }
    expect(await complete('npx', 'task')).toEqual(['taskrunner'])
    expect(await complete('npx', 'taskrunner', 'do')).toEqual(['doctor'])
    expect(await complete('npx', 'taskrunner', 'logs', '--t')).toEqual(['--task'])
  })
})

describe('npm start', () => {
  it('names variables in .env that nothing reads, with the nearest known name and never a value', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'env-'))
    const file = join(folder, '.env')
    await writeFile(file, 'OPENAI_API_KY=sk-secret\nDATABASE_URL=postgres://x\nOPENAI_BASE_URL=http://y\n')
    expect((await unusedNames(file)).toSorted()).toEqual([
      '.env: DATABASE_URL is not used.',
      '.env: OPENAI_API_KY is not used. Did you mean OPENAI_API_KEY?',
    ])
    expect(await unusedNames(join(folder, 'none'))).toEqual([])
    await rm(folder, { recursive: true })
  })

  it('uses a key for the server of that name, and warns when there is no such server', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'env-'))
    const file = join(folder, '.env')
    const servers = JSON.stringify([{ name: 'groq', baseUrl: 'https://groq.example/v1', models: ['llama*'] }])
    await writeFile(file, `MODEL_SERVERS='${servers}'\nGROQ_API_KEY=a\nOPNAI_API_KEY=b\nGROK_API_KEY=c\n`)
    expect((await unusedNames(file)).toSorted()).toEqual([
      '.env: GROK_API_KEY is not used. Did you mean GROQ_API_KEY?',
      '.env: OPNAI_API_KEY is not used. Did you mean OPENAI_API_KEY?',
    ])
    await rm(folder, { recursive: true })
  })

  it('reports no setting of the local stage as unused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'env-'))
    const file = join(folder, '.env')
    await writeFile(
      file,
      'TENANT_LIMITS={"openTasks": 10}\nSCHEDULES={}\nAUTH=keys\nTIMING_SCALE=0.5\nno_proxy=a\n',
    )
    expect(await unusedNames(file)).toEqual([])
    await rm(folder, { recursive: true })
  })

  it('every name of .env.example is one that is read', async () => {
    expect(await unusedNames(join(root, '.env.example'))).toEqual([])
  })

  it('prints which model names go to which provider', () => {
    const lines = (env: Record<string, string>) =>
      modelLines(env).map(({ names, goesTo }) => `${names} → ${goesTo}`)
    expect(lines({})).toEqual([
      expect.stringMatching(/gpt-\*, chatgpt-\*, o\*, .*claude-\*.* → simulated: no key in \.env$/),
    ])
    expect(
      lines({
        OPENAI_BASE_URL: 'http://user:pass@host:1/v1',
        OPENAI_MODELS: 'llama3',
        ANTHROPIC_API_KEY: 'k',
      }).filter((line) => !line.includes('→ simulated')),
    ).toEqual(['llama3, gpt-*, chatgpt-*, o* → openai at host:1 (no OPENAI_API_KEY)', 'claude-* → anthropic'])
  })

  const banner = (changes: Partial<Banner> = {}) =>
    bannerText({
      ...{
        url: 'http://127.0.0.1:3000',
        tookMs: 1,
        logs: 'logs',
        env: {},
        hasEnvFile: false,
        isUsualPort: true,
      },
      ...changes,
    })

  it('never advises to overwrite an existing .env', () => {
    expect(banner({ hasEnvFile: true })).not.toMatch(/copy|cp /)
    expect(banner()).toContain('copy .env.example to .env')
  })

  it('the call to try has a key when the stage needs one', () => {
    expect(banner()).not.toContain('x-api-key')
    expect(banner({ env: { AUTH: 'keys' } })).toContain('-H "x-api-key: $TASKRUNNER_KEY"')
  })
})

describe('the terminal output of a running stage', () => {
  const line = (level: string, message: object) =>
    JSON.stringify({ timestamp: '2026-11-25T12:00:00Z', level, message })
  const about = { task_id: '01abc', type: 'text.generate', lane: 'ai', attempt: 1 }
  const read = (lines: TaskLines, message: object, level = 'INFO') =>
    lines
      .read('laneaiWorker', line(level, { ...about, ...message }))
      .map((text) => text.replace(/^\S+ +/, ''))

  it('shows a retry with its reason, and an end with duration, tokens and cost', () => {
    const lines = new TaskLines()
    expect(
      read(lines, { event: 'task.retrying', retry_in_ms: 2_000, code: 'timeout', message: 'It took long.' }),
    ).toEqual(['retry      01abc  in 2 s: timeout: It took long.'])
    const call = {
      event: 'model.answered',
      provider: 'openai',
      model: 'gpt-4o',
      input_tokens: 3,
      output_tokens: 4,
    }
    expect(read(lines, { ...call, cost_usd: 0.001 })).toEqual([])
    expect(read(lines, { ...call, cost_usd: 0.002 })).toEqual([])
    expect(read(lines, { event: 'task.completed', run_ms: 3_400 })).toEqual([
      'done       01abc  in 3 s, gpt-4o, 14 tokens, $0.003000',
    ])
  })

  it('a call without a price leaves the cost unknown, not zero', () => {
    const lines = new TaskLines()
    read(lines, {
      event: 'model.answered',
      provider: 'openai',
      model: 'own',
      input_tokens: 1,
      output_tokens: 1,
    })
    expect(read(lines, { event: 'task.completed', run_ms: 10 })[0]).toContain('price not known')
  })

  it('no text of an author or a provider controls the terminal', () => {
    const lines = new TaskLines()
    const texts = [
      ...read(lines, { event: 'task.log', message: 'x\u001b[2J' }),
      ...read(
        lines,
        { event: 'task.failed', code: 'task_failed', message: '\u001b]0;t\u0007', stack: 'E\n at \u009b2J' },
        'ERROR',
      ),
      ...lines.read('laneaiWorker', 'raw \u001b[2J'),
    ]
    expect(texts.length).toBe(5)
    for (const text of texts) expect(text).not.toMatch(/\p{Cc}/u)
  })
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { CliError, EXIT } from '../../bin/cli/failure.ts'
import { follow } from '../../bin/cli/follow.ts'
import { type Environment, readTarget } from '../../bin/cli/profile.ts'
import type { Session } from '../../bin/cli/session.ts'
import {
  addValue,
  parseInstant,
  parsePositive,
  parseSeconds,
  parseTime,
  parseWholeNumber,
  readJsonValue,
  readText,
} from '../../bin/cli/values.ts'
import type { Task } from '../../lib/client/types.ts'

const folders: string[] = []
const newFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cli-'))
  folders.push(folder)
  return folder
}
afterEach(async () => {
  vi.useRealTimers()
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

describe('the value of an option', () => {
  it.each([
    ['90', 90],
    ['90s', 90],
    ['1.5m', 90],
    ['15min', 900],
    ['2h', 7_200],
    ['1d', 86_400],
    [' 5 s ', 5],
  ])('"%s" is %d seconds', (text, expected) => {
    expect(parseSeconds(text)).toBe(expected)
  })

  it.each(['', '-5', '5w', 'soon', '1e9', '5 5'])('"%s" is not a duration', (text) => {
    expect(() => parseSeconds(text)).toThrow('90, 90s, 15m, 2h or 1d')
  })

  it.each([
    ['2026-11-24', '2026-11-24T00:00:00.000Z'],
    ['2026-11-24T09:00:00Z', '2026-11-24T09:00:00.000Z'],
    ['2026-11-24T09:00', '2026-11-24T09:00:00.000Z'],
    ['2026-11-24T09:00:00+02:00', '2026-11-24T07:00:00.000Z'],
  ])('"%s" is %s', (text, expected) => {
    expect(parseTime(text)).toBe(expected)
  })

  it.each(['yesterday', '24.11.2026', '2026-13-45', '09:00'])('"%s" is not a time', (text) => {
    expect(() => parseTime(text)).toThrow('It is a time')
  })

  it('an instant is a time, or a duration before now', () => {
    vi.useFakeTimers({ now: Date.parse('2026-01-01T12:00:00Z') })
    expect(parseInstant('15m')).toBe('2026-01-01T11:45:00.000Z')
    expect(parseInstant('2025-12-31T00:00:00Z')).toBe('2025-12-31T00:00:00.000Z')
    expect(() => parseInstant('soon')).toThrow('a span before now')
  })

  it('numbers are read as written, and other texts are refused', () => {
    expect([parseWholeNumber('0'), parseWholeNumber('12'), parsePositive('0.5')]).toEqual([0, 12, 0.5])
    for (const text of ['', '-1', '1.5', '1e3', 'x'])
      expect(() => parseWholeNumber(text)).toThrow('whole number')
    for (const text of ['0', '-1', 'x', 'Infinity', '']) expect(() => parsePositive(text)).toThrow('above 0')
    expect(addValue('b', addValue('a'))).toEqual(['a', 'b'])
  })

  it('text and JSON are given directly or read from a file', async () => {
    const file = join(await newFolder(), 'input.json')
    await writeFile(file, '{"x": 1}')
    expect(await readText('as it is')).toBe('as it is')
    expect(await readText(`@${file}`)).toBe('{"x": 1}')
    expect(await readJsonValue(`@${file}`)).toEqual({ x: 1 })
    expect(await readJsonValue('[1]')).toEqual([1])
    await expect(readText(`@${file}.none`)).rejects.toThrow('(ENOENT)')
    await expect(readJsonValue('{x: 1}')).rejects.toThrow('is no JSON')
  })
})

describe('the stage that a command uses', () => {
  const setUp = async (profiles?: unknown, running?: unknown): Promise<Environment> => {
    const [config, state] = [await newFolder(), await newFolder()]
    const { mkdir } = await import('node:fs/promises')
    await mkdir(join(config, 'taskrunner'))
    if (profiles !== undefined)
      await writeFile(
        join(config, 'taskrunner/profiles.json'),
        typeof profiles === 'string' ? profiles : JSON.stringify(profiles),
        { mode: 0o600 },
      )
    if (running) await writeFile(join(state, 'running.json'), JSON.stringify(running))
    return { XDG_CONFIG_HOME: config, TASKRUNNER_STATE: state }
  }
  const PROFILES = {
    prod: { base: 'https://abc.execute-api.eu-central-1.amazonaws.com/prod', key: 'prod-key' },
    dev: { base: 'https://dev.example.org/api/v1/', key: 'dev-key', stage: 'dev', region: 'us-east-1' },
  }

  it('is the local one by default: the one that runs, or port 3000', async () => {
    expect(await readTarget({}, await setUp())).toMatchObject({
      base: 'http://127.0.0.1:3000/api/v1',
      isLocal: true,
      key: undefined,
    })
    const env = await setUp(undefined, { pid: 1, url: 'http://127.0.0.1:4321' })
    expect((await readTarget({}, env)).base).toBe('http://127.0.0.1:4321/api/v1')
  })

  it('comes from the profile, with its key, stage and Region', async () => {
    const env = await setUp(PROFILES)
    expect(await readTarget({ profile: 'dev' }, env)).toMatchObject({
      base: 'https://dev.example.org/api/v1',
      key: 'dev-key',
      stage: 'dev',
      region: 'us-east-1',
      isLocal: false,
    })
    expect(await readTarget({}, { ...env, TASKRUNNER_PROFILE: 'prod' })).toMatchObject({
      base: 'https://abc.execute-api.eu-central-1.amazonaws.com/prod/api/v1',
      key: 'prod-key',
      stage: 'prod',
      region: 'eu-central-1',
    })
  })

  it('a profile’s key is sent to no other address', async () => {
    const env = await setUp(PROFILES)
    const target = await readTarget({ profile: 'prod', base: 'https://evil.example.org' }, env)
    expect(target).toMatchObject({ base: 'https://evil.example.org/api/v1', key: undefined })
    const own = await readTarget({ profile: 'dev', base: 'https://dev.example.org' }, env)
    expect(own.key).toBe('dev-key')
  })

  it('an address option has priority over the environment, a key option over the profile’s', async () => {
    const env = {
      ...(await setUp(PROFILES)),
      TASKRUNNER_BASE: 'https://env.example.org',
      TASKRUNNER_KEY: 'env-key',
    }
    expect(await readTarget({ base: 'http://localhost:5000' }, env)).toMatchObject({
      base: 'http://localhost:5000/api/v1',
      isLocal: true,
      key: 'env-key',
    })
    expect(await readTarget({}, env)).toMatchObject({ base: 'https://env.example.org/api/v1' })
    expect((await readTarget({ profile: 'dev', key: 'mine' }, env)).key).toBe('mine')
  })

  it.each([
    ['no file', undefined, { profile: 'dev' }, 'There is no'],
    ['no such profile', PROFILES, { profile: 'toString' }, 'Profiles: prod, dev'],
    ['no address in it', { dev: {} }, { profile: 'dev' }, 'has no "base"'],
    ['no JSON', '{', { profile: 'dev' }, 'is no JSON'],
    ['no address', undefined, { base: 'localhost:3000' }, 'is no address of a stage'],
    ['another protocol', undefined, { base: 'file:///etc/passwd' }, 'is no address of a stage'],
  ])('a mistake is named: %s', async (_, profiles, flags, message) => {
    await expect(readTarget(flags, await setUp(profiles))).rejects.toThrow(message)
  })
})

describe('following a task', () => {
  interface Step {
    readonly status?: number
    readonly body?: Partial<Task>
    readonly failure?: CliError
  }
  /** A stage that gives these answers, the last one repeatedly. */
  const sessionOf = (steps: readonly Step[]) => {
    const asked: Record<string, string>[] = []
    let at = 0
    const api = {
      call: async (_name: string, { headers }: { headers: Record<string, string> }) => {
        asked.push(headers)
        const step = steps[Math.min(at, steps.length - 1)] ?? {}
        at += 1
        if (step.failure) throw step.failure
        return { status: step.status ?? 200, headers: new Headers({ etag: `"${at}"` }), body: step.body }
      },
    }
    return { session: { api } as unknown as Session, asked }
  }
  const gone = new CliError(EXIT.unreachable, 'The stage does not answer.')
  const run = async <Value>(promise: Promise<Value>): Promise<Value> => {
    promise.catch(() => undefined)
    await vi.advanceTimersByTimeAsync(120_000)
    return promise
  }

  it('ends with the task, prints each change, and sends conditional requests', async () => {
    vi.useFakeTimers()
    const seen: string[] = []
    const { session, asked } = sessionOf([
      { body: { status: 'PENDING' } },
      { status: 304 },
      { body: { status: 'PROCESSING' } },
      { body: { status: 'COMPLETED' } },
    ])
    const end = await run(follow(session, 'x', { onChange: ({ status }) => seen.push(status) }))
    expect(end.status).toBe('COMPLETED')
    expect(seen).toEqual(['PENDING', 'PROCESSING', 'COMPLETED'])
    expect(asked.map((headers) => headers['if-none-match'])).toEqual([undefined, '"1"', '"1"', '"3"'])
  })

  it('tolerates failed requests, but not an address that never answered', async () => {
    vi.useFakeTimers()
    const stumbling = sessionOf([
      { body: { status: 'PENDING' } },
      { failure: gone },
      { failure: gone },
      { body: { status: 'FAILED' } },
    ])
    expect((await run(follow(stumbling.session, 'x', {}))).status).toBe('FAILED')
    await expect(run(follow(sessionOf([{ failure: gone }]).session, 'x', {}))).rejects.toBe(gone)
    const lost = sessionOf([{ body: { status: 'PENDING' } }, { failure: gone }])
    await expect(run(follow(lost.session, 'x', {}))).rejects.toBe(gone)
  })

  it('stops after its time limit, and says that the task continues', async () => {
    vi.useFakeTimers()
    const { session } = sessionOf([{ body: { status: 'PROCESSING' } }])
    const pending = run(follow(session, 'x', { giveUpSeconds: 5 }))
    await expect(pending).rejects.toMatchObject({
      exitCode: EXIT.stillRunning,
      message: expect.stringContaining('still PROCESSING after 5 s'),
    })
  })
})

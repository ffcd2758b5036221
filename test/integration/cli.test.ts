import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LANES } from '../../functions/contract.ts'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

const program = join(resolve(import.meta.dirname, '../..'), 'bin/taskrunner.mjs')
let running: Awaited<ReturnType<typeof startTestRuntime>>
beforeAll(async () => {
  running = await startTestRuntime()
})
afterAll(() => running.stop())

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Commands as a person types them, with pipes instead of a terminal. */
function type(...args: string[]): Promise<Ended> {
  return at(running.url, ...args)
}
function at(base: string, ...args: string[]): Promise<Ended> {
  const { TASKRUNNER_BASE: _base, TASKRUNNER_PROFILE: _profile, TASKRUNNER_KEY: _key, ...env } = process.env
  const child = spawn(process.execPath, [program, '--base', base, ...args], {
    env: { ...env, TASKRUNNER_STATE: running.stateDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString('utf8')
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString('utf8')
  })
  return new Promise((done) => child.once('close', (code) => done({ code, out, err })))
}
const json = async <Body = Record<string, unknown>>(...args: string[]): Promise<Body> => {
  const { code, out, err } = await type(...args, '--json')
  expect([code, code === 0 ? '' : err]).toEqual([0, ''])
  return JSON.parse(out) as Body
}

describe('the command line', () => {
  it('submit, watch, get and list: the life of a task', async () => {
    const { id } = await json<{ id: string }>('submit', '什么是量子计算？', '--model', 'simulated-fast')
    const watched = await type('watch', id)
    expect(watched.code).toBe(0)
    expect(watched.out).toContain('什么是量子计算？')
    const task = await json('get', id)
    expect(task).toMatchObject({ id, status: 'COMPLETED', prompt: '什么是量子计算？' })
    expect((await type('get', id)).out).toContain('COMPLETED')
    const { out } = await type('list')
    expect(out).toContain(id)
    expect(out).toContain('COMPLETED')
  })

  it('submit --wait prints only the result; a failed task is exit code 1', async () => {
    const done = await type('submit', '--type', 'example.add', '--input', '{"x":20,"y":22}', '--wait')
    expect([done.code, done.out.trim()]).toEqual([0, '42'])
    const failed = await type('submit', 'x', '--model', 'simulated-fail-401', '--wait')
    expect(failed.code).toBe(1)
    expect(failed.err).toContain('provider_unauthorized')
  })

  it('cancel, explain and retry', async () => {
    const { id } = await json<{ id: string }>('submit', 'x', '--model', 'simulated-slow')
    await new Client(running.url).until(id, ({ status }) => status === 'PROCESSING')
    expect((await type('explain', id)).out).toContain('Attempt 1 of 4')
    expect((await type('cancel', id)).code).toBe(0)
    expect(await json('get', id)).toMatchObject({ status: 'CANCELLED' })
    expect((await type('retry', id)).code).toBe(0)
    expect(await json('get', id)).toMatchObject({ epoch: 2 })
    expect((await type('cancel', id)).code).toBe(0)
  })

  it('a lane that does not exist is refused with the lanes that do', async () => {
    const { code, err } = await type('pause', 'nope')
    expect([code, err.trim()]).toEqual([
      2,
      `"nope" is no <lane>. Allowed choices are ${LANES.join(', ')}. See: npx taskrunner --help`,
    ])
  })

  it('cancel of many: one that has ended keeps none of the others', async () => {
    const submit = async (...more: string[]) =>
      (await json<{ id: string }>('submit', '--type', 'example.add', '--input', '{"x":1,"y":1}', ...more)).id
    const ended = await submit()
    await new Client(running.url).done(ended)
    const waiting = [await submit('--delay', '1h'), await submit('--delay', '1h')]
    const { code, out, err } = await type('cancel', ended, ...waiting)
    expect(out.trim().split('\n')).toEqual(waiting.map((id) => `${id} is CANCELLED.`))
    expect([code === 0, err]).toEqual([false, expect.stringContaining(`${ended}: `)])
    expect(await json('cancel', ...waiting)).toMatchObject({
      tasks: [{ id: waiting[0] }, { id: waiting[1] }],
    })
  })

  it('queues, redrive --dry-run and redrive, pause and resume', async () => {
    const { queues } = await json<{ queues: { lane: string }[] }>('queues')
    expect(queues).toHaveLength(5)
    expect((await type('queues')).out).toMatch(/documents/)
    const dry = await json('redrive', 'ai', '--dry-run')
    expect(dry).toMatchObject({ dry_run: true, matched: 1, redriven: 0 })
    expect(await json('redrive', 'ai')).toMatchObject({ redriven: 1 })
    expect((await type('pause', 'email')).code).toBe(0)
    expect((await type('queues')).out).toContain('paused')
    expect((await type('resume', 'email')).code).toBe(0)
    expect((await type('redrive', 'nolane')).code).not.toBe(0)
  })

  it('inspect, usage, doctor, top and logs print the present state', async () => {
    for (const what of ['active', 'reserved', 'scheduled', 'registered', 'stats', 'conf']) {
      const { code, err } = await type('inspect', what)
      expect([what, code, err]).toEqual([what, 0, ''])
    }
    expect((await type('inspect', 'registered')).out).toContain('text.generate')
    expect((await type('usage')).out).toContain('simulated-fast')
    const doctor = await type('doctor')
    expect([doctor.code, doctor.err]).toEqual([0, ''])
    expect((await type('top')).out).toContain('ai')
    for (const shell of ['bash', 'zsh', 'fish'])
      expect((await type('completion', shell)).out).toContain('taskrunner')
  })

  it('every mistake has its exit code and one line that says what to do', async () => {
    const lines = ({ err }: Ended) => err.trim().split('\n').length
    const unknown = await type('get', 'none')
    expect([unknown.code, lines(unknown)]).toEqual([3, 1])
    const refused = await type('submit', 'x', '--model', 'no-such-model')
    expect([refused.code, lines(refused)]).toEqual([4, 1])
    expect(refused.err).toContain('simulated')
    const wrong = await type('sumbit', 'x')
    expect([wrong.code, lines(wrong)]).toEqual([2, 1])
    const past = await type('submit', 'x', '--run-at', '15m')
    expect([past.code, lines(past)]).toEqual([2, 1])
    const nobody = await at('http://127.0.0.1:9', 'queues')
    expect([nobody.code, lines(nobody)]).toEqual([5, 1])
    const { code, err } = await type('get', 'none', '--json')
    expect(code).toBe(3)
    expect(JSON.parse(err)).toMatchObject({ exit_code: 3, problem: { code: 'not_found' } })
  })
})

describe('workflows and schedules', () => {
  it('a workflow of a YAML file is run, watched as a tree and found in the list', async () => {
    const file = join(running.stateDir, 'flow.yaml')
    await writeFile(
      file,
      [
        'name: sums',
        'steps:',
        '  first: {type: example.add, input: {x: 1, y: 2}}',
        '  second:',
        '    type: example.add',
        '    input: {x: {$from: first.result}, y: 10}',
      ].join('\n'),
    )
    const watched = await type('workflow', 'run', file, '--watch')
    expect([watched.code, watched.err]).toEqual([0, ''])
    const trees = watched.out.trim().split(/\n(?=\S+ {2}(?:RUNNING|COMPLETED))/)
    expect(trees.at(-1)).toMatch(/COMPLETED {2}sums {2}2 tasks[\s\S]*✔ first[\s\S]*\n {2}✔ second/)
    const id = watched.out.split(' ')[0] ?? ''
    expect((await type('workflow', 'list')).out).toContain(id)
    expect((await type('workflow', 'list', '--status', 'completed', '-n', '150')).out).toContain(id)
    expect((await type('explain', id)).out).toContain('COMPLETED')
    expect(await json('workflow', 'show', id)).toMatchObject({ id, status: 'COMPLETED' })
    expect((await type('workflow', 'show', id, '--mermaid')).out).toContain('flowchart TD')
    expect((await type('workflow', 'retry', id)).code).toBe(4)
  })

  it('an approval is given, and a mistake in a file is named', async () => {
    const file = join(running.stateDir, 'wait.json')
    await writeFile(file, JSON.stringify({ chain: [{ wait: { signal: 'ok' } }] }))
    const { id } = await json<{ id: string }>('workflow', 'run', file)
    await expect
      .poll(async () => (await type('workflow', 'show', id)).out)
      .toContain(`workflow signal ${id} ok`)
    expect((await type('workflow', 'signal', id, 'ok')).code).toBe(0)
    expect((await type('workflow', 'show', id, '--watch')).code).toBe(0)
    await writeFile(file, 'chain: [')
    expect(await type('workflow', 'run', file)).toMatchObject({
      code: 2,
      err: expect.stringContaining('YAML'),
    })
    await writeFile(file, 'chain: []')
    expect(await type('workflow', 'run', file)).toMatchObject({
      code: 4,
      err: expect.stringContaining('chain'),
    })
  })

  it('a schedule is made, shown, paused, run and deleted', async () => {
    const made = await json<{ id: string }>(
      ...[
        'schedules',
        'create',
        '--cron',
        '0 9 * * MON-FRI',
        '--timezone',
        'Europe/Berlin',
        '--name',
        'daily',
      ],
      ...['--type', 'example.add', '--input', '{"x":1,"y":2}'],
    )
    const { id } = made
    expect(made).toMatchObject({ name: 'daily', timezone: 'Europe/Berlin', next_times: { length: 5 } })
    expect((await type('schedules')).out).toContain(id)
    expect((await type('schedules', 'pause', id)).out).toContain('paused')
    expect(await json('schedules', 'show', id)).toMatchObject({ paused: true })
    expect((await type('explain', id)).out).toContain('It is paused: nothing fires until')
    expect((await type('schedules', 'resume', id)).out).toContain('fires in')
    const end = ['--end', '2090-01-01T00:00:00Z']
    const changed = await json(
      'schedules',
      'update',
      id,
      '--name',
      'other',
      '--timezone',
      'Asia/Tokyo',
      ...end,
    )
    expect(changed).toMatchObject({
      name: 'other',
      cron: '0 9 * * MON-FRI',
      timezone: 'Asia/Tokyo',
      end_at: '2090-01-01T00:00:00.000Z',
    })
    expect(await json('schedules', 'update', id, '--no-end')).toMatchObject({ name: 'other', end_at: null })
    expect((await type('explain', id)).out).toContain('It fires next at ')
    expect(await type('schedules', 'pasue', id)).toMatchObject({
      code: 2,
      err: expect.stringContaining('There is no "schedules pasue". Nearest: "pause".'),
    })
    const task = await json<{ id: string }>('schedules', 'run', id)
    expect((await type('watch', task.id)).out.trim()).toBe('3')
    expect((await type('schedules', 'delete', id)).code).toBe(0)
    expect((await type('schedules', 'show', id)).code).toBe(3)
    const bad = await type('schedules', 'create', '--cron', '0 25 * * *', '--prompt', 'x')
    expect(bad).toMatchObject({ code: 4, err: expect.stringContaining('cron') })
  })
})

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAnthropicProvider } from '../../functions/core/adapters/providers/anthropic/anthropic-provider.ts'
import { createOpenaiProvider } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import type { Recording } from '../../functions/core/domain/recording.ts'
import { isFinal } from '../../functions/core/domain/task.ts'
import type { ModelProvider } from '../../functions/core/ports/model-provider.ts'
import { openRehearsal } from '../../functions/hosts/rehearse.ts'
import { findTaskType } from '../../functions/tasks/registry.gen.ts'
import { ResponseDesk } from '../fixtures/response-desk.ts'
import { answer, error, freshModel, openShapes, text } from '../fixtures/server-answers.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const KEY = 'a key of no known shape'
let shapes: Awaited<ReturnType<typeof openShapes>>
let rehearsal: Awaited<ReturnType<typeof openRehearsal>>
beforeAll(async () => {
  shapes = await openShapes()
  rehearsal = await openRehearsal()
})
afterAll(async () => {
  rehearsal.close()
  await shapes.stop()
})

/** Runs a task of a real type against the test server, and returns the recordings of its attempts. */
async function record(
  input: Readonly<Record<string, unknown>>,
  { isRecorded = true, speaks = 'openai' as 'openai' | 'anthropic', background = [] as string[] } = {},
): Promise<readonly Recording[]> {
  const world = makeWorld()
  const open = speaks === 'anthropic' ? createAnthropicProvider : createOpenaiProvider
  const real = open(
    { ...{ name: speaks, key: KEY, baseUrl: shapes.server.url, isRecorded }, background, pollMs: 10 },
    world.clock.now,
  )
  const counted = async <Value>(call: Promise<Value>): Promise<Value> => {
    world.clock.underway += 1
    return call.finally(() => {
      world.clock.underway -= 1
    })
  }
  const calls = real.background
  const provider: ModelProvider = {
    ...real,
    generate: (...args) => counted(real.generate(...args)),
    ...(calls && {
      background: {
        ...calls,
        start: async (...args) => {
          const started = await counted(calls.start(...args))
          return started && { ...started, outcome: () => counted(started.outcome()) }
        },
      },
    }),
  }
  const worker = {
    ...world.worker,
    providers: { forModel: async () => provider },
    findTaskType: findTaskType as never,
    mask: (line: string) => line.replaceAll(KEY, '…'),
  }
  const { task } = await submitTask(world, {
    ...SUBMISSION,
    type: 'text.generate',
    input,
    model: freshModel(),
    maxAttempts: 2,
  })
  const isOver = async () => isFinal((await world.store.get(task))?.status ?? 'PENDING')
  // The clock waits for model calls, but not for code that is loaded when a schema is checked.
  for (let round = 0; round < 3 || (round < 100 && !(await isOver())); round += 1) {
    pollLane(world, { worker })
    await world.clock.advance(70_000)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return [...world.payloads.objects]
    .filter(([key]) => key.includes('recording-'))
    .map(([, json]) => JSON.parse(json))
}

describe('a recorded attempt', () => {
  const always = (given: Parameters<typeof answer>[1]) => {
    shapes.server.answer = (response) => answer(response, given)
  }
  const usage = { choices: [], usage: { prompt_tokens: 5, completion_tokens: 2 } }

  it.each<[string, Parameters<typeof answer>[1], Readonly<Record<string, unknown>>, object]>([
    ['an answer', { events: [text('who'), text('le', 'stop'), usage] }, {}, { result: 'whole' }],
    ['a cut answer', { events: [text('who', 'length')] }, {}, { result: 'who' }],
    [
      'one that must not be cut',
      { events: [text('who', 'length')] },
      { fail_on_truncation: true },
      { code: 'answer_truncated' },
    ],
    [
      'a refused key',
      { status: 401, body: error(`Incorrect API key provided: ${KEY}`) },
      {},
      { code: 'provider_unauthorized' },
    ],
    [
      'JSON of a schema',
      { events: [text('{"city": "Rome"}', 'stop')] },
      { json_schema: { type: 'object', properties: { city: { type: 'string' } } } },
      { result: { city: 'Rome' } },
    ],
  ])('with %s ends the same when it is rehearsed', async (_, given, more, outcome) => {
    always(given)
    const recordings = await record({ prompt: 'hi', ...more })
    expect(recordings.map((recording) => recording.outcome)).toEqual([outcome])
    const calls = shapes.server.calls.length
    for (const recording of recordings)
      expect(await rehearsal.rehearse(recording)).toMatchObject({
        now: outcome,
        isSame: true,
        reworded: 0,
        unasked: 0,
      })
    expect(shapes.server.calls).toHaveLength(calls)
    expect(JSON.stringify(recordings)).not.toContain(KEY)
  })

  it('exists for each attempt, also with an extra call for an unsupported field, and for Anthropic’s protocol', async () => {
    always({ status: 503, body: error('busy') })
    const failed = await record({ prompt: 'hi' })
    expect(failed.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, { code: 'provider_unavailable' }],
      [2, { code: 'provider_unavailable' }],
    ])
    shapes.server.answer = (response, { body }) =>
      body.stream_options
        ? answer(response, { status: 400, body: error('stream_options is not supported') })
        : answer(response, { events: [text('whole', 'stop')] })
    const learned = await record({ prompt: 'hi' })
    expect(learned[0]?.calls[0]?.replies).toHaveLength(2)
    always({
      events: [
        { type: 'content_block_delta', delta: { type: 'text_delta', text: 'whole' } },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
      ],
    })
    const claude = await record({ prompt: 'hi' }, { speaks: 'anthropic' })
    for (const recording of [...failed, ...learned, ...claude])
      expect(await rehearsal.rehearse(recording)).toMatchObject({ isSame: true })
  })

  it('with a background call ends the same, also when its stream was cut and when the server has no such calls', async () => {
    const desk = new ResponseDesk()
    shapes.server.answer = (response, { method, path, body }) => {
      if (desk.handle(method, path, body, response)) return
      answer(response, { events: [text('echo: hi', 'stop')] })
    }
    const asked = { prompt: 'hi' }
    const whole = await record(asked, { background: ['*'] })
    desk.ways.dropAfter = 2
    const cut = await record(asked, { background: ['*'] })
    desk.ways.dropAfter = Number.POSITIVE_INFINITY
    desk.ways.end = () => ({ status: 'failed', error: { code: 'server_error', message: 'x' } })
    const failed = await record(asked, { background: ['*'] })
    desk.ways.speaks = 'nothing'
    const foreground = await record(asked, { background: ['*'] })
    expect(whole.concat(cut, foreground).map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: 3 }, () => ({ result: 'echo: hi' })),
    )
    expect(failed.map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: 2 }, () => ({ code: 'provider_unavailable' })),
    )
    expect(cut[0]?.calls[0]?.replies.length).toBeGreaterThan(1)
    const made = shapes.server.calls.length
    for (const recording of [...whole, ...cut, ...failed, ...foreground])
      expect(await rehearsal.rehearse(recording)).toMatchObject({ isSame: true, unasked: 0 })
    expect(shapes.server.calls).toHaveLength(made)
  })

  it('that now ends differently, sends another prompt or makes more calls is reported as different', async () => {
    always({ events: [text('whole', 'stop')] })
    const [recording] = (await record({ prompt: 'hi' })) as [Recording]
    expect(
      await rehearsal.rehearse({ ...recording, outcome: { code: 'provider_bad_answer' } }),
    ).toMatchObject({
      now: { result: 'whole' },
      isSame: false,
    })
    expect(await rehearsal.rehearse({ ...recording, input: { prompt: 'hello' } })).toMatchObject({
      isSame: true,
      reworded: 1,
    })
    const twice = { ...recording, calls: [...recording.calls, ...recording.calls] }
    expect(await rehearsal.rehearse(twice)).toMatchObject({ unasked: 1 })
    expect(await rehearsal.rehearse({ ...recording, calls: [] })).toMatchObject({
      now: { code: 'rehearsal_unrecorded' },
    })
    expect(await rehearsal.rehearse({ ...recording, type: 'text.gone' })).toMatchObject({
      now: { code: 'unknown_task_type' },
    })
  })

  it('is not stored where the stage does not want it', async () => {
    always({ events: [text('whole', 'stop')] })
    expect(await record({ prompt: 'hi' }, { isRecorded: false })).toEqual([])
  })

  it('is read from a file by the command, whose exit code reports any difference', async () => {
    always({ events: [text('whole', 'stop')] })
    const [recording] = (await record({ prompt: 'hi' })) as [Recording]
    const folder = await mkdtemp(join(tmpdir(), 'rehearse-'))
    try {
      const file = join(folder, 'tasks.jsonl')
      const run = async (...lines: readonly Recording[]) => {
        await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
        const command = resolve(import.meta.dirname, '../../bin/rehearse.ts')
        return promisify(execFile)(process.execPath, [command, '--from', file]).then(
          ({ stdout }) => ({ code: 0, stdout }),
          ({ code, stdout }) => ({ code, stdout }),
        )
      }
      expect(await run(recording)).toEqual({
        code: 0,
        stdout: '1 end as before, 0 otherwise; 0 ask in other words.\n',
      })
      const other = await run(recording, { ...recording, outcome: { result: 'other' } })
      expect(other.code).toBe(1)
      expect(other.stdout).toContain('was: gives "other"; now: gives "whole"')
      expect(other.stdout).toContain('1 end as before, 1 otherwise')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

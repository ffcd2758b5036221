import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { hashOf, readSubmitBody } from '../../functions/api/schemas/submit.ts'
import { runBatch } from '../../functions/core/application/run/run-batch.ts'
import {
  prepareSubmission,
  type SubmittableType,
} from '../../functions/core/application/submit/prepare-submission.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { RequestError } from '../../functions/core/domain/errors.ts'
import { taskTypes } from '../../functions/tasks/registry.gen.ts'
import { makeWorld } from '../fixtures/world.ts'

const NOW = 1_800_000_000_000
const dependencies = {
  types: taskTypes as readonly SubmittableType[],
  modelRoutes: { 'gpt-*': 'simulated', 'simulated*': 'simulated' },
  defaultModel: 'gpt-3.5-turbo',
  clock: { now: () => NOW, random: () => 0, sleep: async () => undefined },
  hashOf,
} as const

/** The submission that `POST /tasks` makes from a body. */
const submission = async (body: unknown, types = dependencies.types) =>
  prepareSubmission({ ...dependencies, types }, { tenant: 'acme', ...(await readSubmitBody(body, types)) })

const refusals = async (body: unknown): Promise<Readonly<Record<string, string>>> => {
  const outcome = await submission(body).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(outcome instanceof RequestError)) throw outcome ?? new Error('was not refused')
  return Object.fromEntries(outcome.errors.map(({ path, message }) => [path, message]))
}

describe('a submission', () => {
  it('the short form is text.generate with all of its fields', async () => {
    expect(
      await submission({ prompt: 'hi', priority: 5, temperature: 0.5, system: 'Be brief.', max_tokens: 9 }),
    ).toMatchObject({
      type: 'text.generate',
      input: { prompt: 'hi', temperature: 0.5, system: 'Be brief.', max_tokens: 9 },
      model: 'gpt-3.5-turbo',
      priority: 5,
      tags: [],
    })
  })

  it('of the stage’s own task type is accepted only from operators', async () => {
    expect(await refusals({ type: 'maintenance.cleanup' })).toEqual({
      type: '"maintenance.cleanup" is submitted by the stage itself, by its schedule.',
    })
    const body = await readSubmitBody({ type: 'maintenance.cleanup' }, dependencies.types)
    expect(await prepareSubmission(dependencies, { tenant: 'default', ...body })).toMatchObject({
      type: 'maintenance.cleanup',
      lane: 'demo',
    })
  })

  it('with an option of the task inside its input is refused with the right place', async () => {
    expect(await refusals({ type: 'example.add', input: { x: 1, model: 'gpt-4o', tags: ['a'] } })).toEqual({
      'input.y': 'is missing.',
      'input.model': expect.stringMatching(/^stands beside "input", not in it: .*"model": …/),
      'input.tags': expect.stringMatching(/^stands beside "input"/),
    })
  })

  it('null counts as absent for optional fields', async () => {
    expect(
      await submission({ type: null, prompt: 'hi', model: null, run_at: null, tags: null, system: null }),
    ).toMatchObject({ input: { prompt: 'hi' }, model: 'gpt-3.5-turbo', tags: [] })
    expect(await submission({ type: 'example.run', input: { name: null } })).toMatchObject({
      input: { name: 'example', seconds: 5 },
    })
    expect(await refusals({ prompt: null })).toEqual({ prompt: expect.stringMatching(/^is missing/) })
  })

  it.each([
    [{}, { prompt: /^is missing\. Send \{"prompt": …\}, or/ }],
    [{ promt: 'hi' }, { prompt: /^is missing/, promt: /^is not a known field\. Nearest: "prompt"/ }],
    [{ messages: [] }, { messages: /^must not be empty|^must have at least/ }],
    [{ prompt: 'x', messages: [{ role: 'user', content: 'y' }] }, { messages: /^cannot go with prompt/ }],
    [{ mesages: [] }, { prompt: /^is missing/, mesages: /^is not a known field\. Nearest: "messages"/ }],
    [{ input: { prompt: 'hi' } }, { type: /^is missing/ }],
    [
      { prompt: 'hi', input: { x: 1 } },
      { type: /^is missing/, prompt: /^is of the short form/ },
    ],
    [{ prompt: '' }, { prompt: /^must not be empty\.$/ }],
    [{ prompt: 5 }, { prompt: /^must be a text\.$/ }],
    [{ prompt: 'x', priority: 'high' }, { priority: /^must be a number\.$/ }],
    [{ prompt: 'x', priority: 11 }, { priority: /^must be at most 10\.$/ }],
    [{ prompt: 'x', priority: 1.5 }, { priority: /^must be a whole number\.$/ }],
    [{ prompt: 'x', priorty: 1 }, { priorty: /Nearest: "priority"/ }],
    [{ prompt: 'x', PRIORITY: 1 }, { PRIORITY: /Nearest: "priority"/ }],
    // For an entirely different word the error lists the known ones and suggests none.
    [{ prompt: 'x', top_p: 1 }, { top_p: /^is not a known field\. Known: prompt, / }],
    [
      { prompt: 'x', temperature: 'hot', tags: 'a' },
      { temperature: /a number/, tags: /a list/ },
    ],
    [{ prompt: 'x', run_at: '2030-01-31T09:00:00' }, { run_at: /^has no time zone\. Add Z/ }],
    [{ prompt: 'x', run_at: '2030-01-31 09:00:00.123456' }, { run_at: /^has no time zone/ }],
    [{ prompt: 'x', run_at: '2030-01-31T09:00:00+0200' }, { run_at: /^needs a colon in its offset/ }],
    [{ prompt: 'x', run_at: '2030-01-31T09:00:00 02:00' }, { run_at: /write the plus sign as %2B/ }],
    [{ prompt: 'x', run_at: '2030-01-31T09:00:00.5-03' }, { run_at: /^needs a colon in its offset/ }],
    [{ prompt: 'x', run_at: '2030-02-30T09:00:00Z' }, { run_at: /^has a date or time that does not exist/ }],
    [{ prompt: 'x', run_at: '2030-01-31T25:00:00+02:00' }, { run_at: /^has a date or time that does not/ }],
    [{ prompt: 'x', run_at: 'tomorrow' }, { run_at: /^must be a date and time with a zone/ }],
    [{ prompt: 'x', delay_seconds: 60, expires_in_seconds: 5 }, { expires_in_seconds: /^ends before/ }],
    [{ prompt: 'x', run_at: '2099-01-01T00:00:00Z' }, { run_at: /^is at most 30 days/ }],
    [{ prompt: 'x', deadline: 'tomorrow' }, { deadline: /^must be a date and time with a zone/ }],
    [{ prompt: 'x', deadline: 1_800_000_000 }, { deadline: /a text/ }],
    [
      { prompt: 'x', run_at: '2020-01-01T10:00:00Z', deadline: '2020-01-01T10:00:00Z' },
      { deadline: /^is not after run_at/ },
    ],
    [
      { type: 'example.add', input: { x: 1, y: 1 }, deadline: '2030-01-31T09:00:00Z' },
      { deadline: /calls no model/ },
    ],
    [{ prompt: 'x', model: 'nobody-knows' }, { model: /^"nobody-knows" is not known\. Known: gpt-\*/ }],
    [{ prompt: 'x', model: 'simulated-nonsense' }, { model: /behind "simulated-" may stand fast/ }],
    [{ prompt: 'x', model: 'simulated-fast-7' }, { model: /may stand fast/ }],
    [
      { type: 'text.generate', prompt: 'x' },
      { prompt: /^belongs into input/, 'input.prompt': /missing/ },
    ],
    [
      { type: 'example.ad', input: {} },
      { type: /^"example.ad" is not a task type\. Nearest: "example.add"/ },
    ],
    [
      { type: 'example.add', input: { x: 1 }, model: 'gpt-4' },
      { 'input.y': /missing/, model: /no model/ },
    ],
    [
      { type: 'example.add', input: { x: 1, yy: 2 } },
      { 'input.y': /missing/, 'input.yy': /Nearest: "y"/ },
    ],
    [{ type: 'example.add', input: { x: 1, y: 1 }, tags: [''] }, { 'tags.0': /^must not be empty/ }],
    [{ type: 'example.add', input: { x: 1, y: 1 }, timeout_seconds: 9_999 }, { timeout_seconds: /at most/ }],
    [{ type: 5, input: {} }, { type: /^must be a text/ }],
    [[], { '': /^must be a JSON object/ }],
    [null, { '': /^must be a JSON object/ }],
    [JSON.parse('{"prompt":"x","__proto__":{"a":1}}'), { ['__proto__']: /^is not a known field/ }],
    [JSON.parse('{"prompt":"x","constructor":1}'), { constructor: /^is not a known field/ }],
  ])('%j is refused with an error text', async (body, expected) => {
    const errors = await refusals(body)
    expect(Object.keys(errors).sort()).toEqual(Object.keys(expected).sort())
    for (const [path, pattern] of Object.entries(expected)) expect(errors[path]).toMatch(pattern as RegExp)
  })

  it.each([
    '{"prompt":"x",',
    '{"type":"example.add","input":{"x":1,"y":1},',
    '{"type":"example.add","tags":"a",',
  ])('%s and 20,000 unknown fields: twenty are reported', async (start) => {
    const names = Array.from({ length: 20_000 }, (_, index) => `"name${index}":1`)
    const cpu = async (fields: readonly string[]) => {
      const before = process.cpuUsage()
      const errors = await refusals(JSON.parse(`${start}${fields.join(',')}}`))
      expect(Object.keys(errors).length).toBe(20)
      const { user, system } = process.cpuUsage(before)
      return user + system
    }
    await cpu(names.slice(0, 2_000))
    const few = Math.min(await cpu(names.slice(0, 2_000)), await cpu(names.slice(0, 2_000)))
    // Ten times the fields: a search for the nearest name of each would take 100 times as long.
    expect((await cpu(names)) / few).toBeLessThan(40)
  })

  it('the same request with fields in another order has the same hash', () => {
    expect(hashOf({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(hashOf({ b: [{ d: 3, c: 2 }], a: 1 }))
    expect(hashOf({ a: 1 })).not.toBe(hashOf({ a: '1' }))
    expect(hashOf([1, 2])).not.toBe(hashOf([2, 1]))
  })
})

const SCHEMAS: Readonly<Record<string, readonly [z.ZodType, unknown, unknown]>> = {
  'a default': [z.object({ n: z.number().default(3) }), {}, { n: 3 }],
  'a transform to another type': [z.object({ n: z.string().transform(Number) }), { n: '5' }, { n: 5 }],
  'a transform that grows when repeated': [
    z.object({ n: z.number().transform((n) => n + 1) }),
    { n: 1 },
    { n: 2 },
  ],
  'a coerced number': [z.object({ n: z.coerce.number() }), { n: '5' }, { n: 5 }],
  'a coerced date': [
    z.object({ at: z.coerce.date() }),
    { at: '2030-01-01T00:00:00Z' },
    { at: new Date('2030-01-01T00:00:00Z') },
  ],
  'a pipe': [
    z.object({
      list: z
        .string()
        .transform((text) => text.split(','))
        .pipe(z.array(z.string())),
    }),
    { list: 'a,b' },
    { list: ['a', 'b'] },
  ],
  'fields that are stripped': [z.object({ a: z.string() }), { a: 'x', b: 'y' }, { a: 'x' }],
  'fields that are kept': [z.looseObject({ a: z.string() }), { a: 'x', b: 'y' }, { a: 'x', b: 'y' }],
  'a map': [
    z.object({ m: z.record(z.string(), z.number()).transform((record) => new Map(Object.entries(record))) }),
    { m: { x: 1 } },
    { m: new Map([['x', 1]]) },
  ],
  'a big integer': [z.object({ n: z.string().transform(BigInt) }), { n: '12' }, { n: 12n }],
  'a renamed field': [
    z.object({ old: z.string() }).transform(({ old }) => ({ fresh: old })),
    { old: 'x' },
    { fresh: 'x' },
  ],
  'a prefault and trimming': [z.object({ t: z.string().trim().prefault(' x ') }), {}, { t: 'x' }],
  'an asynchronous refinement': [
    z.object({ a: z.string().refine(async (text) => text === 'x') }),
    { a: 'x' },
    { a: 'x' },
  ],
}

describe('the author’s code gets the input as its schema transforms it', () => {
  it.each(Object.entries(SCHEMAS))('%s', async (_, [schema, sent, expected]) => {
    let given: unknown
    const world = makeWorld(async ({ input }: { input: unknown }) => {
      given = input
      return 'done'
    })
    Object.assign(world.type, { input: schema })
    const type: SubmittableType = {
      name: 'test.run',
      lane: 'ai',
      usesModel: false,
      input: schema,
      retry: { maxAttempts: 1 },
      limits: { timeoutMs: 60_000 },
    }
    await submitTask(world, await submission({ type: 'test.run', input: sent }, [type]))
    const batch = runBatch(world.worker, world.queue.receive('ai'), world.clock.now() + 300_000)
    await world.clock.advance(1_000)
    await batch
    expect(given).toEqual(expected)
  })

  it.each([
    ['the time since its request came', -1_200, 1_200],
    ['nothing where the gateway’s clock is ahead', 50, 0],
  ])('reports %s, whatever the caller waits for then', async (_name, since, expected) => {
    const world = makeWorld()
    const receivedAt = world.clock.now() + since
    await submitTask(world, { ...(await submission({ type: 'example.run' })), receivedAt })
    expect(world.events.find(({ event }) => event === 'task.submitted')?.fields.accept_ms).toBe(expected)
  })

  it('the stored input contains the defaults, where parsing it again gives the same', async () => {
    expect(await submission({ type: 'example.run' })).toMatchObject({
      input: { name: 'example', seconds: 5 },
    })
  })
})

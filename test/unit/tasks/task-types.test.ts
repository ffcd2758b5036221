import { describe, expect, it } from 'vitest'
import { runTaskType } from '../../../functions/core/kit/run-task-type.ts'
import add from '../../../functions/tasks/example-add/task.ts'
import example from '../../../functions/tasks/example-run/task.ts'
import text from '../../../functions/tasks/text-generate/task.ts'

describe('text.generate', () => {
  it('returns the model’s text and shows the latest words as progress', async () => {
    const { result, prompts, progressReports } = await runTaskType(
      text,
      { prompt: 'Hi', max_tokens: 10 },
      { answer: 'abcdefgh' },
    )
    expect(result).toBe('abcdefgh')
    expect(prompts).toEqual(['Hi'])
    expect(progressReports).toEqual([
      { percent: 10, message: 'abcd' },
      { percent: 20, message: 'abcdefgh' },
    ])
  })

  it.each([
    [{ prompt: '' }, 'prompt'],
    [{ prompt: 'x', temperature: 3 }, 'temperature'],
    [{ prompt: 'x', max_tokens: 0 }, 'max_tokens'],
    [{}, 'prompt'],
    [{ prompt: 'x', messages: [{ role: 'user', content: 'y' }] }, 'messages'],
    [{ messages: [{ role: 'assistant', content: 'y' }] }, 'messages'],
    [{ prompt: 'x', stop: ['1', '2', '3', '4', '5'] }, 'stop'],
    [{ prompt: 'x', json_schema: { type: 'string' } }, 'json_schema'],
    [{ prompt: 'x'.repeat(6_000_001) }, 'prompt'],
  ])('refuses an input that is out of bounds (%#)', async (input, field) => {
    expect((await text.input.safeParseAsync(input)).error?.issues[0]?.path).toEqual([field])
  })
})

describe('text.generate, in full', () => {
  it('refuses at submit a picture whose bytes are of another type than it says', () => {
    const part = { type: 'image', media_type: 'image/png', base64: Buffer.from('<svg/>').toString('base64') }
    const { error } = text.input.safeParse({ messages: [{ role: 'user', content: [part] }] })
    expect(JSON.stringify(error?.issues)).toContain('is image/svg+xml by its bytes, not image/png')
  })

  const json_schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }

  it('sends a conversation with images, and passes fallback models in their order', async () => {
    const calls: unknown[] = []
    const model = {
      name: 'first',
      generate: async () => {
        throw new Error('not asked')
      },
      complete: async (call: unknown) => {
        calls.push(call)
        return 'ok'
      },
    }
    const image = { type: 'image' as const, media_type: 'image/png' as const, base64: 'iVBORw0KGgo=' }
    const input = text.input.parse({
      messages: [{ role: 'user', content: [image] }],
      stop: ['END'],
      fallback_models: ['second'],
    })
    expect(await text.run({ input, model, progress: () => undefined } as never)).toBe('ok')
    expect(calls).toMatchObject([
      {
        messages: [
          { role: 'user', content: [{ type: 'image', mediaType: 'image/png', base64: 'iVBORw0KGgo=' }] },
        ],
        stop: ['END'],
        model: ['first', 'second'],
      },
    ])
  })

  it('returns JSON that matches the caller’s schema, or repeats the call once', async () => {
    const answers = ['{"n":"x"}', '{"n":3}']
    const { result, prompts } = await runTaskType(
      text,
      { prompt: 'How many?', json_schema },
      {
        complete: async () => answers.shift() ?? '',
      },
    )
    expect(result).toEqual({ n: 3 })
    expect(prompts).toHaveLength(2)
  })
})

describe('example.run', () => {
  it('reports its progress every second', async () => {
    const { progressReports, slept } = await runTaskType(example, { name: 'report', seconds: 3 })
    expect(slept).toEqual([1_000, 1_000, 1_000])
    expect(progressReports.map(({ percent }) => Math.round(percent))).toEqual([0, 33, 67])
  })
})

describe('example.add', () => {
  it('adds', async () => {
    expect((await runTaskType(add, { x: 10, y: 20 })).result).toBe(30)
  })
})

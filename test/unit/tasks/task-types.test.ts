import { describe, expect, it } from 'vitest'
import { runTaskType } from '../../../functions/core/kit/run-task-type.ts'
import add from '../../../functions/tasks/example-add/task.ts'
import example from '../../../functions/tasks/example-run/task.ts'
import text from '../../../functions/tasks/text-generate/task.ts'

describe('text.generate', () => {
  it('answers with the model’s text and shows the latest words as progress', async () => {
    const { result, prompts, told } = await runTaskType(
      text,
      { prompt: 'Hi', max_tokens: 10 },
      { answer: 'abcdefgh' },
    )
    expect(result).toBe('abcdefgh')
    expect(prompts).toEqual(['Hi'])
    expect(told).toEqual([
      { percent: 10, message: 'abcd' },
      { percent: 20, message: 'abcdefgh' },
    ])
  })

  it.each([
    [{ prompt: '' }, 'prompt'],
    [{ prompt: 'x', temperature: 3 }, 'temperature'],
    [{ prompt: 'x', max_tokens: 0 }, 'max_tokens'],
    [{ prompt: 'x'.repeat(6_000_001) }, 'prompt'],
  ])('refuses an input that is out of bounds (%#)', (input, field) => {
    expect(text.input.safeParse(input).error?.issues[0]?.path).toEqual([field])
  })
})

describe('example.run', () => {
  it('tells its progress every second', async () => {
    const { told, slept } = await runTaskType(example, { name: 'report', seconds: 3 })
    expect(slept).toEqual([1_000, 1_000, 1_000])
    expect(told.map(({ percent }) => Math.round(percent))).toEqual([0, 33, 67])
  })
})

describe('example.add', () => {
  it('adds', async () => {
    expect((await runTaskType(add, { x: 10, y: 20 })).result).toBe(30)
  })
})

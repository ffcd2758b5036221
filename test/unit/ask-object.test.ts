import { expect, it } from 'vitest'
import * as z from 'zod'
import { askObject, type ModelClient } from '../../functions/core/kit/index.ts'

it('a model’s answer that is nested too deep does not fit, and the model is asked once more', async () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
  const asked: string[] = []
  const generate: ModelClient['generate'] = async ({ messages = [] }) => {
    asked.push(String(messages.at(-1)?.content))
    return { text: deep } as Awaited<ReturnType<ModelClient['generate']>>
  }
  const model = { name: 'test', generate, complete: async () => '' }
  await expect(
    askObject(model, { name: 'tree', schema: z.json(), shape: {}, prompt: 'hi' }),
  ).rejects.toMatchObject({ code: 'model_output_invalid', message: expect.stringContaining('nested deeper') })
  expect(asked[1]).toContain('nested deeper than 64 levels')
})

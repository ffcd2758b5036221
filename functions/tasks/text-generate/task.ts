import * as z from 'zod'
import { defineTask } from '../../core/kit/index.ts'

/** The length an answer is guessed at for the progress bar when the caller sets no limit. */
const USUAL_CHARACTERS = 1_200

export default defineTask({
  name: 'text.generate',
  summary: 'Asks a model and returns its text.',
  version: 1,
  lane: 'ai',
  usesModel: true,
  input: z.strictObject({
    prompt: z.string().min(1).max(6_000_000).describe('What to ask.'),
    system: z.string().max(100_000).optional().describe('How to answer.'),
    temperature: z.number().min(0).max(2).optional(),
    max_tokens: z.int().min(1).max(200_000).optional(),
  }),
  output: z.string(),
  run: async ({ input, model, progress }) => {
    const expected = input.max_tokens === undefined ? USUAL_CHARACTERS : input.max_tokens * 4
    let text = ''
    return model.complete({
      prompt: input.prompt,
      ...(input.system === undefined ? {} : { system: input.system }),
      ...(input.temperature === undefined ? {} : { temperature: input.temperature }),
      ...(input.max_tokens === undefined ? {} : { maxTokens: input.max_tokens }),
      onDelta: (delta) => {
        text += delta
        progress(
          Math.min(95, (text.length / expected) * 100),
          text.length > 120 ? `…${text.slice(-119)}` : text,
        )
      },
    })
  },
})

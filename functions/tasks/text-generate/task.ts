import * as z from 'zod'
import { askObject, clipStart, defineTask, detectMediaType } from '../../core/kit/index.ts'
import { checkExtraction, toStrictSchema } from '../document-process/extraction.ts'

/** The length an answer is guessed at for the progress bar when the caller sets no limit. */
const USUAL_CHARACTERS = 1_200

const imagePart = z
  .strictObject({
    type: z.literal('image'),
    media_type: z.enum(['image/png', 'image/jpeg', 'image/gif', 'image/webp']),
    base64: z.base64().min(1, 'is empty').max(5_000_000),
  })
  .superRefine(({ media_type, base64 }, context) => {
    const type = detectMediaType(Buffer.from(base64.slice(0, 4_096), 'base64'))
    if (type === media_type) return
    context.addIssue({
      code: 'custom',
      path: ['base64'],
      message: `is ${type} by its bytes, not ${media_type}`,
    })
  })
const message = z.strictObject({
  role: z.enum(['user', 'assistant']),
  content: z.union([
    z.string().min(1).max(6_000_000),
    z
      .array(
        z.discriminatedUnion('type', [
          z.strictObject({ type: z.literal('text'), text: z.string().min(1).max(6_000_000) }),
          imagePart,
        ]),
      )
      .min(1)
      .max(50),
  ]),
})

const input = z
  .strictObject({
    prompt: z.string().min(1).max(6_000_000).optional().describe('What to ask.'),
    messages: z
      .array(message)
      .min(1)
      .max(200)
      .optional()
      .describe('In place of prompt: a conversation, also with images; the last one is the user’s.'),
    system: z.string().max(100_000).optional().describe('How to answer.'),
    temperature: z.number().min(0).max(2).optional(),
    max_tokens: z.int().min(1).max(200_000).optional(),
    fail_on_truncation: z
      .boolean()
      .optional()
      .describe('Fail with answer_truncated when the answer is cut at a limit of tokens.'),
    share_call: z
      .boolean()
      .optional()
      .describe(
        'Share one model call with identical tasks of yours that run at the same time; usage.shared_with names the one that paid.',
      ),
    reuse_answer_seconds: z
      .int()
      .min(1)
      .max(86_400)
      .optional()
      .describe(
        'Also take the answer of an identical task of before that asked for the same, if it is no older.',
      ),
    stop: z
      .array(z.string().min(1).max(100))
      .min(1)
      .max(4)
      .optional()
      .describe('Texts at which the model stops.'),
    json_schema: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('The answer is a JSON object of this schema. Every property is asked for.'),
    fallback_models: z
      .array(z.string().min(1).max(200))
      .min(1)
      .max(5)
      .optional()
      .describe(
        'Asked in this order when the task’s own model is down, paused or unknown; never after a refusal.',
      ),
  })
  .superRefine(({ prompt, messages, json_schema }, context) => {
    const refuse = (path: string, text: string) =>
      context.addIssue({ code: 'custom', path: [path], message: text })
    if (prompt === undefined && messages === undefined) refuse('prompt', 'is missing.')
    if (prompt !== undefined && messages !== undefined)
      refuse('messages', 'cannot go with prompt; send one of them.')
    if (messages?.length && messages.at(-1)?.role !== 'user') refuse('messages', 'must end with the user’s')
    // A promise only where there is a schema, so that everything else is checked at once.
    return (
      json_schema &&
      checkExtraction(json_schema).then((problem) => {
        if (problem) refuse('json_schema', problem)
      })
    )
  })

export default defineTask({
  name: 'text.generate',
  summary: 'Asks a model and returns its text, or the JSON that a schema asks for.',
  version: 2,
  lane: 'ai',
  needs: ['model'],
  input,
  output: z.union([z.string(), z.record(z.string(), z.unknown())]),
  spends: ({ prompt = '', messages = [], system = '', max_tokens, json_schema, fallback_models }) => {
    const parts = messages.flatMap(({ content }) =>
      typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content,
    )
    const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
    const schemaBytes = json_schema ? 3 * Buffer.byteLength(JSON.stringify(json_schema)) + 1_000 : 0
    return {
      textBytes: [prompt, system, ...texts].reduce((sum, text) => sum + Buffer.byteLength(text), schemaBytes),
      images: parts.length - texts.length,
      outputTokens: max_tokens,
      // An answer that does not fit its schema is asked for again.
      calls: json_schema ? 2 : 1,
      otherModels: fallback_models,
    }
  },
  run: async ({ input, model, progress, stream }) => {
    const call = {
      messages: input.messages?.map(toMessage) ?? [{ role: 'user' as const, content: input.prompt ?? '' }],
      ...(input.system === undefined ? {} : { system: input.system }),
      ...(input.temperature === undefined ? {} : { temperature: input.temperature }),
      ...(input.max_tokens === undefined ? {} : { maxTokens: input.max_tokens }),
      ...(input.fail_on_truncation === undefined ? {} : { failOnTruncation: input.fail_on_truncation }),
      ...(input.reuse_answer_seconds === undefined
        ? { share: input.share_call ?? false }
        : { share: { reuseSeconds: input.reuse_answer_seconds } }),
      ...(input.stop === undefined ? {} : { stop: input.stop }),
      ...(input.fallback_models === undefined ? {} : { model: [model.name, ...input.fallback_models] }),
    }
    if (input.json_schema) {
      const { json_schema: schema } = input
      const { toValidator } = await import('../document-process/validator.ts')
      return askObject(model, {
        ...call,
        name: 'answer',
        schema: toValidator(schema),
        shape: toStrictSchema(schema),
      })
    }
    const expected = input.max_tokens === undefined ? USUAL_CHARACTERS : input.max_tokens * 4
    let text = ''
    return model.complete({
      ...call,
      onDelta: (delta) => {
        text += delta
        stream.write(delta)
        progress(
          Math.min(95, (text.length / expected) * 100),
          text.length > 120 ? `…${clipStart(text, 119)}` : clipStart(text, 120),
        )
      },
      onRestart: () => {
        text = ''
        stream.restart()
      },
    })
  },
})

const toMessage = ({ role, content }: z.output<typeof message>) => ({
  role,
  content:
    typeof content === 'string'
      ? content
      : content.map((part) =>
          part.type === 'text'
            ? part
            : { type: 'image' as const, mediaType: part.media_type, base64: part.base64 },
        ),
})

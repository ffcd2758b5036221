import type * as z from 'zod'
import { TaskError } from '../domain/errors.ts'
import { isDeeperThan } from '../domain/json-value.ts'
import type { JsonShape, ModelMessage } from '../ports/model-provider.ts'
import type { ModelCall, ModelClient } from './define-task.ts'

export interface AskObject<Value>
  extends Pick<ModelCall, 'temperature' | 'maxTokens' | 'stop' | 'model' | 'share'> {
  /** Letters, digits, `_` and `-`; some providers pass it to the model. */
  readonly name: string
  readonly schema: z.ZodType<Value>
  /** JSON Schema for the provider, when it differs from the one of `schema`. */
  readonly shape?: JsonShape['schema']
  readonly prompt?: string
  /** A conversation, or messages with images, instead of `prompt`. */
  readonly messages?: readonly ModelMessage[]
  readonly system?: string
  /** A check that a schema cannot express. @returns what is wrong, as a text for the model. */
  readonly check?: (value: Value) => string | undefined
}

/**
 * Asks the model for JSON of a shape. When the answer does not fit, it asks once more and states the errors.
 *
 * @throws TaskError `model_output_invalid`, which may be retried, when the second answer does not fit either.
 * @example
 * const { city } = await askObject(model, { name: 'place', schema: z.strictObject({ city: z.string() }), prompt })
 */
export async function askObject<Value>(model: ModelClient, question: AskObject<Value>): Promise<Value> {
  const {
    name,
    schema,
    prompt = '',
    system,
    shape: given,
    check: _check,
    messages: asked,
    ...call
  } = question
  const shape = given ?? (await import('./json-schema-of.ts')).jsonSchemaOf(schema)
  const instructions = [system, `Answer with JSON alone, of this JSON Schema:\n${JSON.stringify(shape)}`]
  const messages: ModelMessage[] = asked ? [...asked] : [{ role: 'user', content: prompt }]
  for (let round = 1; ; round += 1) {
    const { text } = await model.generate({
      ...call,
      messages,
      system: instructions.filter(Boolean).join('\n\n'),
      json: { name, schema: shape },
      failOnTruncation: true,
    })
    const read = readAnswer(text, question)
    if ('value' in read) return read.value
    if (round === 2)
      throw new TaskError(`The model's answer does not fit "${name}": ${read.problem.slice(0, 400)}`, {
        code: 'model_output_invalid',
        retry: 'counted',
      })
    messages.push(
      { role: 'assistant', content: text || '(nothing)' },
      { role: 'user', content: `That does not fit: ${read.problem.slice(0, 4_000)}\nAnswer again.` },
    )
  }
}

/** As for bodies of requests; a schema that refers to itself is checked by recursion. */
const MAX_DEPTH = 64

function readAnswer<Value>(
  text: string,
  { schema, check }: AskObject<Value>,
): { readonly value: Value } | { readonly problem: string } {
  // Without structured output, models often put a code block around their JSON.
  const answer = text.trim()
  const [, bare = answer] = /^```(?:json)?([\s\S]*)```$/.exec(answer) ?? []
  let json: unknown
  try {
    json = JSON.parse(bare)
  } catch {
    return { problem: 'it is not JSON.' }
  }
  if (isDeeperThan(json, MAX_DEPTH)) return { problem: `it is nested deeper than ${MAX_DEPTH} levels.` }
  const parsed = schema.safeParse(json)
  if (!parsed.success)
    return {
      problem: parsed.error.issues
        .slice(0, 10)
        .map(({ path, message }) => `${path.map(String).join('.') || 'the answer'}: ${message}`)
        .join('; '),
    }
  const problem = check?.(parsed.data)
  return problem === undefined ? { value: parsed.data } : { problem }
}

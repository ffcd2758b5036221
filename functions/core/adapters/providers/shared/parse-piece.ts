import type * as z from 'zod'
import { badAnswer } from '../../../domain/provider-failure.ts'

/** Reads one piece of an answer by its schema. @throws ProviderError `provider_bad_answer` that quotes nothing of it. */
export function parsePiece<Schema extends z.ZodType>(
  schema: Schema,
  data: string,
  provider: string,
): z.output<Schema> {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    // Never the parser's words: they quote the answer.
    throw badAnswer(provider, 'a piece of it is not JSON')
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const path = parsed.error.issues[0]?.path.join('.') || 'a piece of it'
  throw badAnswer(provider, `${path} is not what the protocol has there`)
}

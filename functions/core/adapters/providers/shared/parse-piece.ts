import type * as z from 'zod'
import { isDeeperThan } from '../../../domain/json-value.ts'
import { badAnswer } from '../../../domain/provider-failure.ts'
import { UnreadablePiece } from './answer.ts'

/** Far more than any protocol has; whatever reads or writes a value by recursion needs a limit. */
const MAX_DEPTH = 100

/** Parses one piece of an answer with its schema. @throws UnreadablePiece `provider_bad_answer` that quotes nothing of it. */
export function parsePiece<Schema extends z.ZodType>(
  schema: Schema,
  data: string,
  provider: string,
): z.output<Schema> {
  const unreadable = (detail: string) => {
    const { code, message, retry } = badAnswer(provider, detail)
    return new UnreadablePiece(code, message, retry, provider)
  }
  const value = readJson(data)
  // Not the parser's message, because it quotes the answer.
  if (value === undefined) throw unreadable('a piece of it is not JSON')
  if (data.length > 2 * MAX_DEPTH && isDeeperThan(value, MAX_DEPTH))
    throw unreadable(`a piece of it is nested deeper than ${MAX_DEPTH} levels`)
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const path = parsed.error.issues[0]?.path.join('.') || 'a piece of it'
  throw unreadable(`${path} is not what the protocol has there`)
}

/** Matches JSON strings, to keep them, and `NaN` and `Infinity`, which Python's `json` writes although JSON has no such numbers. */
const TEXT_OR_NO_NUMBER = /"(?:[^"\\]+|\\[\s\S])*"?|-?\b(?:Infinity|NaN)\b/g

/** @returns undefined for invalid JSON. */
function readJson(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    if (!/Infinity|NaN/.test(data)) return undefined
  }
  try {
    return JSON.parse(data.replace(TEXT_OR_NO_NUMBER, (part) => (part.startsWith('"') ? part : 'null')))
  } catch {
    return undefined
  }
}

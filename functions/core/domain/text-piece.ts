/** The text of a running attempt as those see it who watch: pieces one behind the other, each with where it begins. */

/**
 * One text from its beginning. A later attempt begins anew, and so does an answer of another model within one attempt:
 * that is a further `take`.
 */
export interface TextOf {
  readonly epoch: number
  readonly attempt: number
  readonly take: number
}

/** A piece of text, and where in its text it begins, in UTF-16 units. */
export interface TextPiece extends TextOf {
  readonly offset: number
  readonly text: string
}

/** What a watcher has seen, as an event's id has it. It says all there is to know, so that any function can go on from it. */
export interface Position extends TextOf {
  /** How much of the text. */
  readonly offset: number
  readonly steps: number
  /** `updatedAt` of the row, milliseconds since 1970. */
  readonly updatedAt: number
}

export const START: Position = { epoch: 0, attempt: 0, take: 0, offset: 0, steps: 0, updatedAt: 0 }

const FIELDS = ['epoch', 'attempt', 'take', 'offset', 'steps', 'updatedAt'] as const

export const writePosition = (position: Position): string =>
  FIELDS.map((field) => position[field].toString(36)).join('.')

/** An event's id: its watcher's position after it, and the place from which he watches, if he has one. */
export const writeEventId = (position: Position, place?: string): string =>
  [writePosition(position), ...(place === undefined ? [] : [place])].join('.')

/** @returns undefined for what no event of ours had as its id. */
export function readEventId(
  id: string,
): { readonly position: Position; readonly place: string | undefined } | undefined {
  const [, written = '', place] = /^((?:\w+\.){5}\w+)(?:\.([\w-]{1,40}))?$/.exec(id) ?? []
  const position = readPosition(written)
  return position && { position, place }
}

/** @returns undefined for what is no position. */
export function readPosition(written: string): Position | undefined {
  const parts = written.split('.')
  if (parts.length !== FIELDS.length || !parts.every((part) => /^[0-9a-z]{1,10}$/.test(part)))
    return undefined
  const values = parts.map((part) => Number.parseInt(part, 36))
  return Object.fromEntries(FIELDS.map((field, index) => [field, values[index]])) as unknown as Position
}

/** Whether both are parts of one text. */
export const isSameText = (one: TextOf, other: TextOf): boolean =>
  one.epoch === other.epoch && one.attempt === other.attempt && one.take === other.take

/** Whether the first text began before the second. */
export const isEarlierText = (one: TextOf, other: TextOf): boolean =>
  one.epoch < other.epoch ||
  (one.epoch === other.epoch && one.attempt < other.attempt) ||
  (one.epoch === other.epoch && one.attempt === other.attempt && one.take < other.take)

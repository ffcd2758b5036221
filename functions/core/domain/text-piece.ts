/** The streamed text of a running attempt, in consecutive pieces with their offsets. */

/**
 * Identifies one streamed text. Each attempt starts a new text, and so does an answer of another model within an attempt: its
 * `take` is one higher.
 */
export interface TextId {
  readonly epoch: number
  readonly attempt: number
  readonly take: number
}

/** A piece of text, and its offset in UTF-16 units. */
export interface TextPiece extends TextId {
  readonly offset: number
  readonly text: string
}

/** What a client has received, written into each event's id. It is the complete state, so any function can resume from it. */
export interface Position extends TextId {
  /** Length of the received text. */
  readonly offset: number
  readonly steps: number
  /** `updatedAt` of the row, milliseconds since 1970. */
  readonly updatedAt: number
}

export const START_POSITION: Position = { epoch: 0, attempt: 0, take: 0, offset: 0, steps: 0, updatedAt: 0 }

const FIELDS = ['epoch', 'attempt', 'take', 'offset', 'steps', 'updatedAt'] as const

export const writePosition = (position: Position): string =>
  FIELDS.map((field) => position[field].toString(36)).join('.')

/** An event's id: the client's position after it, and its place among the watching clients if it has one. */
export const writeEventId = (position: Position, place?: string): string =>
  [writePosition(position), ...(place === undefined ? [] : [place])].join('.')

/** @returns undefined for a text that is no event id of this API. */
export function readEventId(
  id: string,
): { readonly position: Position; readonly place: string | undefined } | undefined {
  const [, written = '', place] = /^((?:\w+\.){5}\w+)(?:\.([\w-]{1,40}))?$/.exec(id) ?? []
  const position = readPosition(written)
  return position && { position, place }
}

/** @returns undefined for a text that is no position. */
export function readPosition(written: string): Position | undefined {
  const parts = written.split('.')
  if (parts.length !== FIELDS.length || !parts.every((part) => /^[0-9a-z]{1,10}$/.test(part)))
    return undefined
  const values = parts.map((part) => Number.parseInt(part, 36))
  return Object.fromEntries(FIELDS.map((field, index) => [field, values[index]])) as unknown as Position
}

/** Whether both are parts of the same text. */
export const isSameText = (one: TextId, other: TextId): boolean =>
  one.epoch === other.epoch && one.attempt === other.attempt && one.take === other.take

/** Whether the first text began before the second. */
export const isEarlierText = (one: TextId, other: TextId): boolean =>
  one.epoch < other.epoch ||
  (one.epoch === other.epoch && one.attempt < other.attempt) ||
  (one.epoch === other.epoch && one.attempt === other.attempt && one.take < other.take)

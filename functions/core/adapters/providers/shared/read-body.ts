import type { Readable } from 'node:stream'
import { LIMITS } from '../../../../contract.ts'
import { ProviderError } from '../../../domain/errors.ts'
import { badAnswer, tooLarge, unreachable, webPage } from '../../../domain/provider-failure.ts'
import { isUndecoded, openTextDecoder } from './decode-text.ts'
import { describeCauses, isDecodingError, isTruncation } from './post-json.ts'

/** One server-sent event, or a whole JSON document instead of a stream. */
export interface BodyPart {
  readonly data: string
  /** Name of the event; empty when the server sends none. */
  readonly event: string
  readonly isWhole: boolean
}

/** Longest event or document: the largest result with every character escaped. */
const MAX_EVENT_CHARACTERS = 2 * LIMITS.resultBytes
/** Longest answer with its JSON, which is a hundred times the text where each word is an event. */
const MAX_ANSWER_CHARACTERS = 64 * LIMITS.resultBytes
/** How long the rest of an event may take whose JSON is whole. */
const PAUSE_MS = 2_000
/** Two line ends, each in any of the three forms. */
const BLANK_LINE = /(?:\r\n|\n|\r(?!\n)){2}/
/** Longest form of a blank line; its beginning may be in the previous piece. */
const BLANK_LINE_CHARACTERS = 4
/** Larger documents are parsed only when the server has ended them. */
const EARLY_CHARACTERS = 1_000_000
/** Total of all early parses, since each reads everything received so far. */
const MAX_EARLY_PARSED_CHARACTERS = 16 * EARLY_CHARACTERS

/**
 * Reads an answer while it arrives, holding at most one event in memory. The first character tells whether it is a stream, not
 * the content type: some servers answer a streaming request with a whole document.
 *
 * @throws ProviderError `result_too_large`, or `provider_unreachable` when the connection is lost.
 */
export async function* readBody(provider: string, body: Readable): AsyncGenerator<BodyPart> {
  const decode = openTextDecoder()
  let pieces: string[] = []
  let held = 0
  let tried = 0
  let seam = ''
  let isDocument: boolean | undefined
  let total = 0
  /** Characters since the last event that said something. */
  let silent = 0
  let looked = 0
  const source = body[Symbol.asyncIterator]()
  let next: Promise<IteratorResult<unknown>> | undefined
  try {
    for (;;) {
      next ??= source.next()
      const read = await (isDocument || held === looked ? next : within(PAUSE_MS, next))
      if (read === undefined) {
        // The event is complete, but the server does not end it.
        looked = held
        const [part] = readEvent(pieces.join(''))
        if (!part || !isJson(part.data)) continue
        pieces = []
        held = looked = 0
        yield part
        continue
      }
      next = undefined
      if (read.done) break
      const text = decode(read.value as Buffer)
      total += text.length
      silent += text.length
      if (total > MAX_ANSWER_CHARACTERS || silent > MAX_EVENT_CHARACTERS)
        throw tooLarge(provider, LIMITS.resultBytes)
      isDocument ??= /\S/.test(text) ? /^\s*[{[]/.test(text) : undefined
      if (!isDocument && held === 0 && /^\s*</.test(text)) throw webPage(provider)
      if (total === text.length && isUndecoded(text))
        throw badAnswer(provider, 'it is not text in UTF-8 or UTF-16', 'never')
      pieces.push(text)
      held += text.length
      if (held > MAX_EVENT_CHARACTERS) throw tooLarge(provider, LIMITS.resultBytes)
      if (isDocument) {
        // Some servers leave the connection open after the last brace.
        if (held < EARLY_CHARACTERS && tried < MAX_EARLY_PARSED_CHARACTERS && /[}\]]\s*$/.test(text)) {
          tried += held
          const document = pieces.join('')
          if (isJson(document)) return yield { data: document, event: '', isWhole: true }
        }
        continue
      }
      // Only new text is searched, so that an event of a million lines is joined once, not at every line.
      seam = (seam + text).slice(-text.length - BLANK_LINE_CHARACTERS)
      if (!BLANK_LINE.test(seam)) continue
      const events = pieces.join('').split(BLANK_LINE)
      const rest = events.pop() ?? ''
      for (const event of events)
        for (const part of readEvent(event)) {
          silent = 0
          yield part
        }
      pieces = [rest]
      held = rest.length
      looked = 0
      seam = rest
    }
  } catch (cause) {
    if (cause instanceof ProviderError) throw cause
    const text = pieces.join('')
    // The document was complete before the connection was lost.
    if (isDocument && isJson(text)) return yield { data: text, event: '', isWhole: true }
    throw isDecodingError(cause)
      ? badAnswer(
          provider,
          `it could not be decompressed: ${describeCauses(cause)}`,
          // Wrong bytes would come again, and be paid for; only an end too early is a fault of the connection.
          isTruncation(cause) ? 'counted' : 'never',
        )
      : unreachable(provider, describeCauses(cause))
  } finally {
    // The pending read has no reader any more; its error is ignored.
    next?.catch(() => undefined)
    body.destroy()
  }
  const rest = pieces.join('')
  if (isDocument) yield { data: rest, event: '', isWhole: true }
  else yield* readEvent(rest)
}

/** What a promise gives; undefined where it takes longer. */
async function within<Value>(ms: number, promise: Promise<Value>): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Events that only keep the connection open. */
const KEEPS_ALIVE = /^(ping|heartbeat|keep-?alive)$/i

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation */
function* readEvent(block: string): Generator<BodyPart> {
  const data: string[] = []
  let event = ''
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (name === 'data') data.push(value)
    if (name === 'event') event = value
    // Older servers of llama.cpp send `error: {…}` where an event has `data`.
    if (name === 'error' && value.startsWith('{')) {
      data.push(value)
      event = 'error'
    }
    // A server or proxy may append an error to the events as plain JSON.
    if (line.startsWith('{')) data.push(line)
  }
  const text = data.join('\n')
  if (text.trim() !== '' && !KEEPS_ALIVE.test(event)) yield { data: text, event, isWhole: false }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Enough of an error body to find its cause. */
const MAX_ERROR_CHARACTERS = 64_000
/** And long enough: the status has said that the call failed, and the slot is wanted. */
const MAX_ERROR_MS = 3_000

/** The beginning of a failed answer. An unreadable part is left out, because the status is known. */
export async function readStart(body: Readable): Promise<string> {
  const decode = openTextDecoder()
  let text = ''
  const late = setTimeout(() => body.destroy(), MAX_ERROR_MS)
  try {
    for await (const bytes of body) {
      text += decode(bytes as Buffer)
      if (text.length > MAX_ERROR_CHARACTERS) break
    }
  } catch {
    // The connection was lost in the middle.
  } finally {
    clearTimeout(late)
    body.destroy()
  }
  return text
}

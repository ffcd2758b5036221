/** Whether a quote occurs in a text, and where. */

export interface Place {
  /** Offset in UTF-16 code units, as in JavaScript. */
  readonly start: number
  readonly end: number
}

/** Shorter quotes occur in nearly every text and prove nothing. */
const MIN_CHARACTERS = 4

/**
 * Finds a quote exactly, except for white space: models join lines that a PDF breaks.
 *
 * @returns its first place; undefined when it does not occur.
 */
export function findQuote(quote: string, text: string): Place | undefined {
  const wanted = quote.trim()
  if (wanted.length < MIN_CHARACTERS) return undefined
  const exact = text.indexOf(wanted)
  if (exact >= 0) return { start: exact, end: exact + wanted.length }
  const { letters, offsets } = withoutSpaces(text)
  const bare = withoutSpaces(wanted).letters
  // Word boundaries must match: "the rapist" does not occur in "therapist".
  for (let at = letters.indexOf(bare); at >= 0; at = letters.indexOf(bare, at + 1)) {
    const start = offsets[at] as number
    const end = (offsets[at + bare.length - 1] as number) + 1
    if (oneSpace(text.slice(start, end)) === oneSpace(wanted)) return { start, end }
  }
  return undefined
}

const oneSpace = (text: string): string => text.replace(/\s+/g, ' ')

function withoutSpaces(text: string): { readonly letters: string; readonly offsets: readonly number[] } {
  const offsets: number[] = []
  let letters = ''
  for (let index = 0; index < text.length; index += 1) {
    const letter = text[index] as string
    if (/\s/.test(letter)) continue
    letters += letter
    offsets.push(index)
  }
  return { letters, offsets }
}

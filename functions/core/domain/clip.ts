/** Shortens texts without cutting inside a character, however many code units the character has. */

const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
/** Longer than any character in use; an emoji of a family of four has 25 code units. */
const MAX_CODE_UNITS = 64

/** The beginning of the text, at most `length` code units. */
export function clipEnd(text: string, length: number): string {
  const whole = text.slice(0, length + MAX_CODE_UNITS)
  if (whole.length <= length) return whole.toWellFormed()
  let end = 0
  for (const { index } of characters.segment(whole)) {
    if (index > length) break
    end = index
  }
  return whole.slice(0, end).toWellFormed()
}

/** The end of the text, at most `length` code units. */
export function clipStart(text: string, length: number): string {
  if (text.length <= length) return withoutHalf(text)
  const from = text.length - length
  const start = Math.max(0, from - MAX_CODE_UNITS)
  for (const { index } of characters.segment(text.slice(start)))
    if (start + index >= from) return withoutHalf(text.slice(start + index))
  return ''
}

/** A streamed text may end with half a surrogate pair. */
const withoutHalf = (text: string): string => text.replace(/[\uD800-\uDBFF]$/, '').toWellFormed()

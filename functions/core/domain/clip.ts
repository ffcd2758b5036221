/** Cuts texts where a reader would: never inside a character, however many code units it has. */

const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
/** Longer than any character that people write; a family of four emoji has 25 code units. */
const LONGEST = 64

/** The beginning, at most so many code units. */
export function clipEnd(text: string, length: number): string {
  const whole = text.slice(0, length + LONGEST)
  if (whole.length <= length) return whole.toWellFormed()
  let end = 0
  for (const { index } of characters.segment(whole)) {
    if (index > length) break
    end = index
  }
  return whole.slice(0, end).toWellFormed()
}

/** The end, at most so many code units. */
export function clipStart(text: string, length: number): string {
  if (text.length <= length) return withoutHalf(text)
  const from = text.length - length
  const start = Math.max(0, from - LONGEST)
  for (const { index } of characters.segment(text.slice(start)))
    if (start + index >= from) return withoutHalf(text.slice(start + index))
  return ''
}

/** A text that is still growing may end with half a character. */
const withoutHalf = (text: string): string => text.replace(/[\uD800-\uDBFF]$/, '').toWellFormed()

/** Checks that a model's text contains only calculated numbers. */

/** Digits with group separators and decimal marks of all languages. */
const NUMBER = /[-−]?\d+(?:[.,'’\u00a0\u202f ]\d+)*\s*[%％]?/g

/** Zeros of non-ASCII digits: Arabic, Persian, Devanagari, Bengali, Thai, full width. */
const ZEROS = [0x0660, 0x06f0, 0x0966, 0x09e6, 0x0e50, 0xff10]

/**
 * @returns the numbers in a text that match none of the facts. A number matches when the fact, rounded to the same number of
 * digits, is equal; a percentage may also match a share.
 */
export function numbersNotInFacts(text: string, facts: unknown): readonly string[] {
  const known = [...numbersIn(facts)]
  const isKnown = (number: string, isShare: boolean): boolean => {
    const value = Math.abs(Number(number))
    const digits = number.split('.')[1]?.length ?? 0
    const isSame = (fact: number) => Math.abs(Math.abs(fact) - value) <= 0.5 * 10 ** -digits + 1e-9
    return known.some((fact) => isSame(fact) || (isShare && isSame(fact * 100)))
  }
  return (inAscii(text).match(NUMBER) ?? []).filter((token) => {
    const isShare = /[%％]/.test(token)
    const stands = (number: string) => isKnown(number, isShare)
    const bare = token.replace(/[-−%％]/g, '').trim()
    // One number that contains spaces, or several numbers in a row: "2024 1,234".
    return !(
      readings(bare).some(stands) ||
      bare.split(SPACES).every((piece) => readings(piece).some(stands) || piece.split(',').every(stands))
    )
  })
}

const SPACES = /['’\u00a0\u202f ]+/

/** Possible values of a written number: 1,234.5 in English, 1.234,5 in most other languages. */
function readings(written: string): readonly string[] {
  const digits = written.split(SPACES).join('')
  return [
    ...(GROUPED.test(written) ? [digits.replaceAll(',', '')] : []),
    ...(EUROPEAN.test(written) ? [digits.replaceAll('.', '').replace(',', '.')] : []),
  ]
}
const GROUPED = /^\d{1,3}(?:[,'’\u00a0\u202f ]\d{3})*(?:\.\d+)?$|^\d+(?:\.\d+)?$/
const EUROPEAN = /^\d{1,3}(?:[.'’\u00a0\u202f ]\d{3})*(?:,\d+)?$|^\d+,\d+$/

const inAscii = (text: string): string =>
  text.replace(/\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0) as number
    const zero = ZEROS.find((first) => code >= first && code <= first + 9)
    return zero === undefined ? digit : String(code - zero)
  })

/** All numbers in a value, including those inside texts: a column may be called "2024". */
function* numbersIn(value: unknown): Generator<number> {
  if (typeof value === 'number') yield value
  else if (typeof value === 'string')
    for (const token of inAscii(value).match(/\d+(?:\.\d+)?/g) ?? []) yield Number(token)
  else if (value !== null && typeof value === 'object')
    for (const [name, part] of Object.entries(value)) {
      yield* numbersIn(name)
      yield* numbersIn(part)
    }
}

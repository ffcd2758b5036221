/** What the model may say of numbers: only such as were worked out. */

const NUMBER = /[-−]?\d+(?:[,\u202f ]\d{3})*(?:\.\d+)?\s*%?/g

/**
 * @returns the numbers of a text that stand for none of the given ones, rounded as the text rounds them; a percentage may
 * stand for a share.
 */
export function unfoundedNumbers(text: string, facts: unknown): readonly string[] {
  const known = [...numbersIn(facts)]
  return (text.match(NUMBER) ?? []).filter((token) => {
    const bare = token.replace('−', '-').replace(/[%\s,\u202f]/g, '')
    const value = Number(bare)
    const digits = bare.split('.')[1]?.length ?? 0
    const isSame = (fact: number) => Math.abs(Math.abs(fact) - Math.abs(value)) <= 0.5 * 10 ** -digits + 1e-9
    return !known.some((fact) => isSame(fact) || (token.includes('%') && isSame(fact * 100)))
  })
}

/** All numbers in a value, those in its words included: a column may be called "2024". */
function* numbersIn(value: unknown): Generator<number> {
  if (typeof value === 'number') yield value
  else if (typeof value === 'string')
    for (const token of value.match(/\d+(?:\.\d+)?/g) ?? []) yield Number(token)
  else if (value !== null && typeof value === 'object')
    for (const [name, part] of Object.entries(value)) {
      yield* numbersIn(name)
      yield* numbersIn(part)
    }
}

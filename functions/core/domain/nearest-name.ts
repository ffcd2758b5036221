/**
 * The candidate that was probably meant: one or two typing errors away, or with almost the same beginning, so that "docs"
 * gives "documents". Among several, the one with the fewest edits, a common beginning counted double.
 *
 * @returns undefined where no candidate is near, because a wrong suggestion is worse than the list of all names.
 */
export function nearestName(word: string, candidates: readonly string[]): string | undefined {
  const asked = word.slice(0, 64).toLowerCase()
  return candidates
    .map((name) => ({
      name,
      edits: distance(asked, name.toLowerCase()),
      start: commonStart(asked, name.toLowerCase()),
    }))
    .filter(({ name, edits, start }) => {
      const longer = Math.max(asked.length, name.length)
      const shorter = Math.min(asked.length, name.length)
      return edits <= MAX_EDITS[Math.min(longer, 6)]! || (start >= 3 && start >= shorter * 0.75)
    })
    .sort((left, right) => left.edits - 2 * left.start - (right.edits - 2 * right.start))[0]?.name
}

/** Most edits of a typing error, by the length of the longer word. In four letters, two edits are another word: `page`, `lane`. */
const MAX_EDITS: readonly number[] = [0, 0, 1, 1, 1, 1, 2]

/** The nearest name as a sentence after a full stop; empty when none is near. */
export function nearestText(word: string, candidates: readonly string[]): string {
  const name = nearestName(word, candidates)
  return name === undefined ? '' : ` Nearest: "${name}".`
}

function commonStart(left: string, right: string): number {
  let length = 0
  while (length < left.length && left[length] === right[length]) length += 1
  return length
}

/** Levenshtein distance, in which two neighbours in the wrong order are one edit. */
function distance(left: string, right: string): number {
  let [before, row]: [number[], number[]] = [
    [],
    Array.from({ length: right.length + 1 }, (_, index) => index),
  ]
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= right.length; j += 1) {
      const isSwapped = i > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1),
        isSwapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    ;[before, row] = [row, next]
  }
  return row[right.length] ?? 0
}

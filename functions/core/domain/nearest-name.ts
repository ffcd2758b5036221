/**
 * The candidate that was most likely meant: fewest edits (Levenshtein distance), with a common beginning counted
 * double, so that "docs" gives "documents" and not "demo".
 */
export function nearestName(word: string, candidates: readonly string[]): string {
  const asked = word.slice(0, 64).toLowerCase()
  const ranked = candidates.map((name) => ({
    name,
    edits: distance(asked, name.toLowerCase()) - 2 * commonStart(asked, name.toLowerCase()),
  }))
  return ranked.sort((left, right) => left.edits - right.edits)[0]?.name ?? ''
}

/** The nearest name as a sentence; empty when more than half of its letters differ. */
export function nearestText(word: string, candidates: readonly string[]): string {
  const name = nearestName(word, candidates)
  const edits = distance(word.slice(0, 64).toLowerCase(), name.toLowerCase())
  const isNear = edits <= Math.max(word.length, name.length) / 2 || commonStart(word, name) > 2
  return isNear ? ` Nearest: "${name}".` : ''
}

function commonStart(left: string, right: string): number {
  let length = 0
  while (length < left.length && left[length] === right[length]) length += 1
  return length
}

function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= right.length; j += 1)
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1),
      )
    row = next
  }
  return row[right.length] ?? 0
}

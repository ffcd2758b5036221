/** The candidate that takes the fewest edits to reach, for "did you mean" (Levenshtein distance). */
export function nearestName(word: string, candidates: readonly string[]): string {
  const asked = word.slice(0, 64)
  const ranked = candidates.map((name) => ({ name, edits: distance(asked, name) }))
  return ranked.sort((left, right) => left.edits - right.edits)[0]?.name ?? ''
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

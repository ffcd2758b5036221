/**
 * The candidate that somebody most likely meant: fewest edits (Levenshtein distance), a common beginning counting
 * double, so that "docs" is "documents" and not "demo".
 */
export function nearestName(word: string, candidates: readonly string[]): string {
  const asked = word.slice(0, 64)
  const ranked = candidates.map((name) => ({
    name,
    edits: distance(asked, name) - 2 * commonStart(asked, name),
  }))
  return ranked.sort((left, right) => left.edits - right.edits)[0]?.name ?? ''
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

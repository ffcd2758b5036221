/** @returns the known name with the fewest single-letter edits, for "did you mean" in errors. */
export function nearestName(wrong: string, known: readonly string[]): string | undefined {
  let best: { name: string; edits: number } | undefined
  for (const name of known) {
    const edits = countEdits(wrong.toLowerCase(), name.toLowerCase())
    if (!best || edits < best.edits) best = { name, edits }
  }
  return best?.name
}

/** Levenshtein distance, with one row in memory. */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let line = 1; line <= from.length; line += 1) {
    const next = [line]
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[line - 1] === to[column - 1]
      next.push(Math.min(row[column]! + 1, next[column - 1]! + 1, row[column - 1]! + (isSame ? 0 : 1)))
    }
    row = next
  }
  return row[to.length]!
}

/**
 * So many neighbours of a list that is too long to look through, from a place of chance: every one is among them at times.
 *
 * @param random uniform in [0, 1).
 */
export function sample<Item>(list: readonly Item[], most: number, random: number): readonly Item[] {
  const start = Math.floor(random * Math.max(1, list.length - most + 1))
  return list.slice(start, start + most)
}

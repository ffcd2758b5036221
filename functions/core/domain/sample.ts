/**
 * So many consecutive items of a list that is too long to look through, from a random place: each of them is picked at times.
 *
 * @param random uniform in [0, 1).
 */
export function sample<Item>(list: readonly Item[], most: number, random: number): readonly Item[] {
  const start = Math.floor(random * Math.max(1, list.length - most + 1))
  return list.slice(start, start + most)
}

/**
 * `most` consecutive items of a long list, from a random position, so that every item is in some of the samples.
 *
 * @param random uniform in [0, 1).
 */
export function sample<Item>(list: readonly Item[], most: number, random: number): readonly Item[] {
  const start = Math.floor(random * Math.max(1, list.length - most + 1))
  return list.slice(start, start + most)
}

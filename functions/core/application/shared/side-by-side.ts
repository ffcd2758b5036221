const CONCURRENCY = 16

/**
 * Calls `work` for each index from `from` to `count` - 1, sixteen concurrently, started in order.
 *
 * @param isEnough checked before each start; once it is true, no further ones start.
 * @param concurrency fewer than sixteen where each call needs much memory.
 * @returns the first index that was not started.
 */
export async function sideBySide(
  count: number,
  work: (index: number) => Promise<unknown>,
  from = 0,
  isEnough: () => boolean = () => false,
  concurrency = CONCURRENCY,
): Promise<number> {
  let next = from
  const run = async (): Promise<void> => {
    while (next < count && !isEnough()) {
      const index = next
      next += 1
      await work(index)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, run))
  return next
}

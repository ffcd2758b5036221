const CONCURRENCY = 16

/**
 * Does `work` for each index from `from` to `count` - 1, sixteen at a time, in order of beginning.
 *
 * @param isEnough asked before each begins; once true, none begins any more.
 * @param concurrency fewer at a time, where each holds much memory.
 * @returns the first index that was not begun.
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

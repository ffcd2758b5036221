import { readFile, writeFile } from 'node:fs/promises'

/**
 * Writes a generated file unless it already has this text.
 *
 * @param isCheck only compares.
 * @returns whether it is (or would be) changed.
 */
export async function isStale(path: string, text: string, isCheck = false): Promise<boolean> {
  if ((await readFile(path, 'utf8').catch(() => '')) === text) return false
  if (!isCheck) await writeFile(path, text)
  return true
}

import { rename, writeFile } from 'node:fs/promises'

/** Writes a file whole or not at all: whoever dies in the middle leaves the old one. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  await rename(`${path}.new`, path)
}

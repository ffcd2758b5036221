import { rename, writeFile } from 'node:fs/promises'

/** Writes a file completely or not at all: a crash during the write leaves the old file. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  await rename(`${path}.new`, path)
}

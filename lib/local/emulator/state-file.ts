import { readFile } from 'node:fs/promises'

/** @returns the text of a file of the state; undefined when it does not exist. @throws Error that names an unreadable file. */
export async function readStateFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    const what = code === 'EISDIR' ? 'a folder lies in its place' : message
    throw new Error(`${path} cannot be read: ${what}. Move it away.`, { cause })
  }
}

import { clipStart } from './clip.ts'

/** What `files.write` names a file; see `application/run/task-files.ts`. */
export const FILE_NAME = /^file-[0-9a-f]{32}$/

/** Whether a result, as JSON text, may name a file. */
export const mayNameFiles = (json: string): boolean => json.includes('"file":"file-')

interface FileMark {
  readonly file: string
  readonly name: string
}

const isFile = (value: object): value is FileMark =>
  'file' in value &&
  typeof value.file === 'string' &&
  FILE_NAME.test(value.file) &&
  'name' in value &&
  typeof value.name === 'string'

/**
 * Gives every file in a result its address. A result that only looks like a file reaches nothing: the address is made
 * from the task's own tenant and id.
 */
export async function withFileLinks(
  value: unknown,
  linkOf: (file: string, name: string) => Promise<string>,
): Promise<unknown> {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return Promise.all(value.map((item) => withFileLinks(item, linkOf)))
  if (isFile(value)) return { ...value, url: await linkOf(value.file, value.name) }
  const entries = Object.entries(value).map(async ([key, field]) => [key, await withFileLinks(field, linkOf)])
  return Object.fromEntries(await Promise.all(entries))
}

/**
 * A name that a file may be saved under: an author may take it from an upload, and its reader is somebody else. No folder, no
 * header of its own, nothing that turns the direction in which it is read.
 */
export const plainFileName = (name: string): string =>
  clipStart(name.replace(/[\p{Cc}\p{Cf}\u2028\u2029\\/"]/gu, '_').replace(/^\.+/, '_'), 200)

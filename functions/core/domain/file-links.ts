import { clipStart } from './clip.ts'

/** The names that `files.write` gives to files; see `application/run/task-files.ts`. */
export const FILE_NAME = /^file-[0-9a-f]{32}$/

/** Whether a result, as JSON text, can contain a file. */
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
 * Adds a download URL to every file in a result. A forged file entry gives no access: the object's key is derived from the
 * task's own tenant and id.
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
 * A safe name for saving a file: an author may take it from an upload, and another user may download it. It has no path
 * separators, no control characters and no characters that change the writing direction.
 */
export const plainFileName = (name: string): string =>
  clipStart(name.replace(/[\p{Cc}\p{Cf}\u2028\u2029\\/"]/gu, '_').replace(/^\.+/, '_'), 200)

import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'

/** What every bundle depends on beside its own sources: the packages, and how it is made. */
export const COMMON: readonly string[] = [
  'package-lock.json',
  'lib/bundle.ts',
  'lib/bundle/apart.ts',
  'lib/bundle/kept.ts',
  'lib/bundle/env-credentials.ts',
  'lib/bundle/lean.ts',
]

export interface Ingredients {
  readonly settings: unknown
  /** Files that it has beside its code. */
  readonly files: readonly string[]
  /** When its making began: there is no key for what was saved after that. */
  readonly madeAt?: number
}

/**
 * A hash over all that a bundle was made from, by the list of its last making: the sources of this project, the packages by
 * their lock file, and the settings. A file that came anew changes one of those that were there, since sources are imported
 * by their whole names.
 *
 * @returns undefined when a source is gone, or newer.
 */
export async function keyOf(
  root: string,
  metafile: Metafile,
  { settings, files, madeAt = Number.POSITIVE_INFINITY }: Ingredients,
): Promise<string | undefined> {
  const own = [...Object.keys(metafile.inputs), ...files].filter((path) => !path.includes('node_modules/'))
  const hash = createHash('sha256').update(JSON.stringify(settings))
  try {
    for (const path of [...COMMON, ...own.toSorted()]) {
      if ((await stat(join(root, path))).mtimeMs >= madeAt) return undefined
      hash.update(`\0${path}\0`).update(await readFile(join(root, path)))
    }
  } catch {
    return undefined
  }
  return hash.digest('hex')
}

/** Whether the files of a bundle are there as they were written, by their sizes. */
export async function isWritten(root: string, { outputs }: Metafile): Promise<boolean> {
  const sizes = await Promise.all(
    Object.keys(outputs).map((path) =>
      stat(join(root, path)).then(
        // A map is written with other names of its sources.
        ({ size }) => path.endsWith('.map') || size === outputs[path]?.bytes,
        () => false,
      ),
    ),
  )
  return sizes.every(Boolean)
}

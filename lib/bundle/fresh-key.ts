import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'

/** Sources of every bundle in addition to its own: the packages, and the bundler's code. */
export const COMMON_SOURCES: readonly string[] = [
  'package-lock.json',
  'lib/bundle.ts',
  'lib/bundle/separate-modules.ts',
  'lib/bundle/cached-build.ts',
  'lib/bundle/env-credentials.ts',
  'lib/bundle/lean.ts',
]

export interface BundleInputs {
  readonly settings: unknown
  /** Files beside its code. */
  readonly files: readonly string[]
  /** Start of the build: for files saved later there is no key. */
  readonly madeAt?: number
}

/**
 * A hash of all sources of a bundle, by the list of its last build: the sources of this project, the packages by their lock
 * file, and the settings. A new file is noticed by the change of the file that imports it, because imports name whole paths.
 *
 * @returns undefined when a source is missing or newer than the build.
 */
export async function keyOf(
  root: string,
  metafile: Metafile,
  { settings, files, madeAt = Number.POSITIVE_INFINITY }: BundleInputs,
): Promise<string | undefined> {
  const own = [...Object.keys(metafile.inputs), ...files].filter((path) => !path.includes('node_modules/'))
  const hash = createHash('sha256').update(JSON.stringify(settings))
  try {
    for (const path of [...COMMON_SOURCES, ...own.toSorted()]) {
      if ((await stat(join(root, path))).mtimeMs >= madeAt) return undefined
      hash.update(`\0${path}\0`).update(await readFile(join(root, path)))
    }
  } catch {
    return undefined
  }
  return hash.digest('hex')
}

/** Whether the files of a bundle still exist with their original sizes. */
export async function areOutputsIntact(root: string, { outputs }: Metafile): Promise<boolean> {
  const sizes = await Promise.all(
    Object.keys(outputs).map((path) =>
      stat(join(root, path)).then(
        // Source maps are written with changed paths, so their size differs.
        ({ size }) => path.endsWith('.map') || size === outputs[path]?.bytes,
        () => false,
      ),
    ),
  )
  return sizes.every(Boolean)
}

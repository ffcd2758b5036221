import { join, relative, resolve } from 'node:path'
import { type BuildOptions, build, type Metafile, type OutputFile, type Plugin } from 'esbuild'

const ROOT = resolve(import.meta.dirname, '../..')

/**
 * Imported where they are first used, and built apart with what they are made of. In one build esbuild keeps what any chunk
 * uses of a shared file in the chunk that all load: 42 kB of zod for a caller's JSON Schema, 43 kB of the SDK for objects.
 */
const APART: Readonly<Record<string, string>> = {
  '@aws-sdk/client-s3': 's3',
  '@aws-sdk/s3-request-presigner': 'presigner',
  './validator.ts': 'validator',
  '../document-process/validator.ts': 'validator',
}

/** Each name that fits is asked of this process, so none of the thousands of other imports may. */
const MAYBE_APART = /^@aws-sdk\/(client-s3|s3-request-presigner)$|\/validator\.ts$/

export interface Built {
  readonly outputFiles: readonly Pick<OutputFile, 'path' | 'contents'>[]
  readonly metafile: Metafile
}

/** @param used gets what has to be built apart, by its name. */
export const builtApart = (used: Map<string, string>): Plugin => ({
  name: 'built-apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: MAYBE_APART }, ({ kind, path, resolveDir }) => {
      const name = kind === 'dynamic-import' ? APART[path] : undefined
      if (!name) return undefined
      used.set(name, path.startsWith('.') ? join(resolveDir, path) : path)
      return { path: `./apart/${name}.mjs`, external: true }
    }),
})

/**
 * Builds what bundles have apart, once for all that have the same parts: sixteen bundles have two sets of them, and built
 * for each they were 3 s of 10.
 */
export function apartBuilder(
  settings: BuildOptions & { readonly write: false; readonly metafile: true },
): (parts: ReadonlyMap<string, string>) => Promise<Built> {
  const builds = new Map<string, Promise<Built>>()
  return (parts) => {
    // Sorted, as they are found in any order and the names of chunks follow it.
    const entryPoints = Object.fromEntries([...parts].toSorted(([a], [b]) => a.localeCompare(b)))
    const key = JSON.stringify(entryPoints)
    const found = builds.get(key) ?? build({ ...settings, entryPoints, outdir: APART_ROOT })
    builds.set(key, found)
    return found
  }
}

/** Where they are said to be written until a bundle takes them; nothing is. */
const APART_ROOT = join(ROOT, '.build/apart')

/** The same build in another folder. */
export function moved({ outputFiles, metafile }: Built, folder: string): Built {
  const named = Object.entries(metafile.outputs).map(
    ([path, output]) =>
      [relative(ROOT, join(folder, relative(APART_ROOT, join(ROOT, path)))), output] as const,
  )
  return {
    outputFiles: outputFiles.map(({ path, contents }) => ({
      path: join(folder, relative(APART_ROOT, path)),
      contents,
    })),
    metafile: { ...metafile, outputs: Object.fromEntries(named) },
  }
}

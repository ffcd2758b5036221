import { isAbsolute, join, relative, resolve } from 'node:path'
import { type BuildOptions, build, type Metafile, type OutputFile, type Plugin } from 'esbuild'
import { kept } from './kept.ts'

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

/**
 * Libraries that one kind of task loads when it runs, each larger than all of our own code. Apart they are made once for a
 * lock file: they were 2.5 of the 3.3 s that a worker's bundle takes, at every change of a task.
 */
const LARGE: Readonly<Record<string, string>> = {
  unpdf: 'unpdf',
  vega: 'vega',
  'vega-lite': 'vega-lite',
  mammoth: 'mammoth',
  'read-excel-file/node': 'read-excel-file',
}

/** Each name that fits is asked of this process, so none of the thousands of other imports may. */
const MAYBE_APART =
  /^(?:@aws-sdk\/(?:client-s3|s3-request-presigner)|unpdf|vega|vega-lite|mammoth|read-excel-file\/node)$|\/validator\.ts$/

export interface Built {
  readonly outputFiles: readonly Pick<OutputFile, 'path' | 'contents'>[]
  readonly metafile: Metafile
}

/**
 * @param used gets what has to be built apart, by its name.
 * @param isWorker a worker runs what the API only checks, and its code is all in use: only what is large is apart.
 */
export const builtApart = (used: Map<string, string>, isWorker: boolean): Plugin => ({
  name: 'built-apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: MAYBE_APART }, ({ kind, path, resolveDir }) => {
      const name =
        kind === 'dynamic-import' ? (LARGE[path] ?? (isWorker ? undefined : APART[path])) : undefined
      if (!name) return undefined
      used.set(name, path.startsWith('.') ? join(resolveDir, path) : path)
      return { path: `./apart/${name}.mjs`, external: true }
    }),
})

/**
 * Builds what bundles have apart, once for all that have the same parts: sixteen bundles have two sets of them, and built
 * for each they were 3 s of 10. Packages are built apart from our own code, which changes more often.
 *
 * @param packages where what is made of packages alone is kept.
 */
export function apartBuilder(
  settings: BuildOptions & { readonly write: false; readonly metafile: true },
  packages?: string,
): (parts: ReadonlyMap<string, string>) => Promise<readonly Built[]> {
  const builds = new Map<string, Promise<Built>>()
  const one = (parts: readonly (readonly [string, string])[], folder: string | undefined) => {
    // Sorted, as they are found in any order and the names of chunks follow it.
    const entryPoints = Object.fromEntries(parts.toSorted(([a], [b]) => a.localeCompare(b)))
    const key = JSON.stringify(entryPoints)
    const make = () => build({ ...settings, entryPoints, outdir: APART_ROOT })
    const found = builds.get(key) ?? (folder ? kept(folder, { ...settings, entryPoints }, make) : make())
    builds.set(key, found)
    return found
  }
  return (parts) => {
    const [own, foreign] = [true, false].map((isOwn) =>
      [...parts].filter(([, path]) => isAbsolute(path) === isOwn),
    )
    return Promise.all([
      ...(own?.length ? [one(own, undefined)] : []),
      ...(foreign?.length ? [one(foreign, packages)] : []),
    ])
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

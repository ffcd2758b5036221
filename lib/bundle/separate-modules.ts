import { isAbsolute, join, relative, resolve } from 'node:path'
import { type BuildOptions, build, type Metafile, type OutputFile, type Plugin } from 'esbuild'
import { cachedBuild } from './cached-build.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/**
 * Modules that are imported at their first use, built separately with their dependencies. In one build, esbuild would put
 * everything they use of a shared file into the chunk that is loaded at cold start: 42 kB of zod for a caller's JSON
 * Schema, 43 kB of the S3 SDK.
 */
const APART: Readonly<Record<string, string>> = {
  '@aws-sdk/client-s3': 's3',
  '@aws-sdk/s3-request-presigner': 'presigner',
  './validator.ts': 'validator',
  '../document-process/validator.ts': 'validator',
}

/**
 * Large libraries that one kind of task loads when it runs. Built separately, they are built once per lock file; before, they
 * took 2.5 of the 3.3 s of a worker's bundle, at every change of a task.
 */
const LARGE: Readonly<Record<string, string>> = {
  unpdf: 'unpdf',
  vega: 'vega',
  'vega-lite': 'vega-lite',
  mammoth: 'mammoth',
  'read-excel-file/node': 'read-excel-file',
}

/** Matches few imports, because esbuild calls the plugin in this process for each match. */
const SEPARATE_IMPORTS =
  /^(?:@aws-sdk\/(?:client-s3|s3-request-presigner)|unpdf|vega|vega-lite|mammoth|read-excel-file\/node)$|\/validator\.ts$/

export interface BuildOutput {
  readonly outputFiles: readonly Pick<OutputFile, 'path' | 'contents'>[]
  readonly metafile: Metafile
}

/**
 * @param used collects the modules to build separately, by name.
 * @param isWorker a worker uses all code of the small modules, so only large libraries are built separately.
 */
export const separateModulesPlugin = (used: Map<string, string>, isWorker: boolean): Plugin => ({
  name: 'built-apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: SEPARATE_IMPORTS }, ({ kind, path, resolveDir }) => {
      const name =
        kind === 'dynamic-import' ? (LARGE[path] ?? (isWorker ? undefined : APART[path])) : undefined
      if (!name) return undefined
      used.set(name, path.startsWith('.') ? join(resolveDir, path) : path)
      return { path: `./apart/${name}.mjs`, external: true }
    }),
})

/**
 * Builds the separate modules once for all bundles with the same ones: sixteen bundles have two sets, and building them for
 * each bundle took 3 of 10 s. Packages are built separately from our own code, which changes more often.
 *
 * @param packages cache folder for builds of packages.
 */
export function separateModulesBuilder(
  settings: BuildOptions & { readonly write: false; readonly metafile: true },
  packages?: string,
): (parts: ReadonlyMap<string, string>) => Promise<readonly BuildOutput[]> {
  const builds = new Map<string, Promise<BuildOutput>>()
  const one = (parts: readonly (readonly [string, string])[], folder: string | undefined) => {
    // Sorted, because they are found in any order and the names of chunks depend on it.
    const entryPoints = Object.fromEntries(parts.toSorted(([a], [b]) => a.localeCompare(b)))
    const key = JSON.stringify(entryPoints)
    const make = () => build({ ...settings, entryPoints, outdir: APART_ROOT })
    const found =
      builds.get(key) ?? (folder ? cachedBuild(folder, { ...settings, entryPoints }, make) : make())
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

/** Nominal output folder until a bundle includes the files; nothing is written there. */
const APART_ROOT = join(ROOT, '.build/apart')

/** The same build with another output folder. */
export function withOutputFolder({ outputFiles, metafile }: BuildOutput, folder: string): BuildOutput {
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

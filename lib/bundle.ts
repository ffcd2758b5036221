import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'
import { BUNDLES, type BundleName } from '../functions/contract.ts'
import { generateFiles } from './assembly/generate-files.ts'
import { areOutputsIntact, keyOf } from './bundle/fresh-key.ts'
import { leanPlugin } from './bundle/lean.ts'
import {
  type BuildOutput,
  separateModulesBuilder,
  separateModulesPlugin,
  withOutputFolder,
} from './bundle/separate-modules.ts'

const ROOT = resolve(import.meta.dirname, '..')
const ENTRY = 'index.mjs'

/** Files that a bundle reads at run time, in addition to its code. */
const STATIC_FILES: Partial<Readonly<Record<BundleName, Readonly<Record<string, string>>>>> = {
  // libvips loads its parts from its own folder, and starts its threads from its own file.
  'run-task': {
    ...Object.fromEntries(
      ['vips-node.mjs', 'vips.wasm', 'vips-heif.wasm'].map((name) => [
        `vips/${name}`,
        `node_modules/wasm-vips/lib/${name}`,
      ]),
    ),
    // pdf.js is one minified file. Minifying it again took the bundler 0.8 s of CPU and 650 MB, and saved 68 kB.
    'apart/pdfjs.mjs': 'node_modules/unpdf/dist/pdfjs.mjs',
  },
  'api-public': {
    'openapi.json': 'functions/api/openapi.gen.json',
    'docs/swagger-ui.css': 'node_modules/swagger-ui-dist/swagger-ui.css',
    'docs/swagger-ui-bundle.js': 'node_modules/swagger-ui-dist/swagger-ui-bundle.js',
  },
}

export const filesBeside = (bundle: BundleName): readonly string[] =>
  Object.values(STATIC_FILES[bundle] ?? {})

/** Entries that a bundle starts as threads, as files beside its main entry. */
const FURTHER_ENTRIES: Partial<Readonly<Record<BundleName, Readonly<Record<string, string>>>>> = {
  'run-task': { heavy: 'functions/workers/heavy.ts' },
}

export interface BundleReport {
  readonly bundle: BundleName
  readonly directory: string
  /** Bytes loaded at cold start: the entry and its static imports. */
  readonly coldBytes: number
  /** Bytes of all code, including chunks loaded later. */
  readonly codeBytes: number
  /** False when the folder already had the same content. */
  readonly isChanged: boolean
}

export interface BundleOptions {
  readonly only?: readonly BundleName[]
  readonly outRoot?: string
  /**
   * Root of the source paths in source maps. When left out, they are relative to the bundle's folder, so that a package is
   * identical on every machine.
   */
  readonly sourceRoot?: string | undefined
  /** Do not minify, so that a debugger shows the author's names. */
  readonly isReadable?: boolean
  /** Skips bundles whose sources have not changed, and caches builds of packages; used by the local run. */
  readonly skipsUnchanged?: boolean
  /** Another process writes the generated files at the same time. */
  readonly isGenerated?: boolean
}

const hasWhole = (bundle: BundleName): boolean => !bundle.startsWith('api-') || bundle === 'api-mcp'

/** Bundles that run authors' code and need source maps for its stack traces. */
const MAPPED: readonly BundleName[] = ['run-task']

/**
 * Writes the Lambda packages, one folder per bundle: minified ESM with all dependencies, AWS SDK included.
 *
 * A folder is changed file by file, new chunks before the entry that imports them, and not at all when its content is already
 * right, so that a running copy and a concurrent bundler are not affected.
 */
export async function bundleFunctions(options: BundleOptions = {}): Promise<readonly BundleReport[]> {
  const outRoot = options.outRoot ?? join(ROOT, '.build')
  if (!options.isGenerated) await generateFiles()
  const names = options.only ?? (Object.keys(BUNDLES) as BundleName[])
  const buildApart = separateModulesBuilder(
    settingsOf(options, false),
    options.skipsUnchanged ? join(outRoot, 'packages') : undefined,
  )
  const lean = leanPlugin()
  const reports: BundleReport[] = []
  // The worker's bundle takes longest, so it is built first.
  const waiting = names.toSorted((a, b) => Number(a === 'run-task') - Number(b === 'run-task'))
  const makeNext = async (): Promise<void> => {
    for (let name = waiting.pop(); name; name = waiting.pop())
      reports.push(
        (options.skipsUnchanged && (await unchanged(name, outRoot, options))) ||
          (await bundleOne(name, outRoot, options, buildApart, hasWhole(name) ? [] : [lean])),
      )
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, makeNext))
  return reports.toSorted((a, b) => names.indexOf(a.bundle) - names.indexOf(b.bundle))
}

/** Sixteen concurrent builds used 1.4 GB and were no faster on two cores; three use 0.6. */
const CONCURRENCY = 3

/** Reduces each SDK client's package.json to its version, the only field that is read; saves 2 kB each. */
const packageFacts: Plugin = {
  name: 'package-facts',
  setup: ({ onLoad }) =>
    onLoad({ filter: /node_modules\/@aws-sdk\/[\w-]+\/package\.json$/ }, async ({ path }) => {
      const { name, version } = JSON.parse(await readFile(path, 'utf8')) as { name: string; version: string }
      return { contents: JSON.stringify({ name, version }), loader: 'json' }
    }),
}

/** Imported at run time from the copies beside the bundle. */
const copiedLibraries: Plugin = {
  name: 'copied-libraries',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^wasm-vips$/ }, () => ({ path: './vips/vips-node.mjs', external: true }))
    onResolve({ filter: /^unpdf\/pdfjs$/ }, () => ({ path: './pdfjs.mjs', external: true }))
  },
}

/** The existing build. @returns undefined when the bundle must be built. */
async function unchanged(
  bundle: BundleName,
  outRoot: string,
  options: BundleOptions,
): Promise<BundleReport | undefined> {
  const read = (suffix: string) =>
    readFile(join(outRoot, `${bundle}.${suffix}`), 'utf8').catch(() => undefined)
  const [meta, key] = await Promise.all([read('meta.json'), read('key')])
  if (!meta || !key) return undefined
  const metafile = toMetafile(meta)
  if (!metafile) return undefined
  if (
    key !== (await keyOf(ROOT, metafile, ingredientsOf(bundle, options))) ||
    !(await areOutputsIntact(ROOT, metafile))
  )
    return undefined
  return { ...sizesOf(metafile), bundle, directory: join(outRoot, bundle), isChanged: false }
}

/** @returns undefined for a damaged file; the bundle is then built again. */
function toMetafile(text: string): Metafile | undefined {
  try {
    const metafile = JSON.parse(text) as Partial<Metafile> | null
    return metafile?.inputs && metafile.outputs
      ? { inputs: metafile.inputs, outputs: metafile.outputs }
      : undefined
  } catch {
    return undefined
  }
}

const ingredientsOf = (bundle: BundleName, { sourceRoot, isReadable }: BundleOptions) => ({
  settings: [sourceRoot, isReadable, process.version],
  files: filesBeside(bundle),
})

const sizesOf = (metafile: Metafile) => ({
  coldBytes: coldBytes(metafile),
  codeBytes: Object.entries(metafile.outputs)
    .filter(([path]) => !path.endsWith('.map'))
    .reduce((sum, [, { bytes }]) => sum + bytes, 0),
})

const settingsOf = ({ isReadable = false }: BundleOptions, isMapped: boolean) =>
  ({
    absWorkingDir: ROOT,
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    // The SDKs of models and of S3 are imported at their first use; in separate chunks they do not slow down cold starts.
    splitting: true,
    minify: !isReadable,
    metafile: true,
    sourcemap: isMapped ? 'linked' : false,
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'silent',
    mainFields: ['module', 'main'],
    plugins: [copiedLibraries, packageFacts],
    alias: {
      '@aws-sdk/credential-provider-node': join(ROOT, 'lib/bundle/env-credentials.ts'),
      '@aws-sdk/endpoint-cache': join(ROOT, 'lib/bundle/no-endpoint-cache.ts'),
    },
    // CommonJS packages inside an ES module still call `require` for Node's own modules.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  }) satisfies BuildOptions

async function bundleOne(
  bundle: BundleName,
  outRoot: string,
  options: BundleOptions,
  buildApart: ReturnType<typeof separateModulesBuilder>,
  further: readonly Plugin[],
): Promise<BundleReport> {
  const { sourceRoot } = options
  const madeAt = Date.now()
  const directory = join(outRoot, bundle)
  const isMapped = MAPPED.includes(bundle)
  const settings = settingsOf(options, isMapped)
  const apart = new Map<string, string>()
  const main: BuildOutput = await build({
    ...settings,
    entryPoints: { index: BUNDLES[bundle], ...FURTHER_ENTRIES[bundle] },
    outdir: directory,
    plugins: [...settings.plugins, separateModulesPlugin(apart, isMapped), ...further],
  })
  const parts = (await buildApart(apart)).map((built) => withOutputFolder(built, join(directory, 'apart')))
  const outputFiles = [main, ...parts].flatMap((built) => built.outputFiles)
  const metafile: Metafile = {
    inputs: Object.assign({}, ...[main, ...parts].map((built) => built.metafile.inputs)),
    outputs: Object.assign({}, ...[main, ...parts].map((built) => built.metafile.outputs)),
  }
  const files = new Map<string, Uint8Array>()
  for (const [name, source] of Object.entries(STATIC_FILES[bundle] ?? {}))
    files.set(name, await readFile(join(ROOT, source)))
  const code = outputFiles.toSorted((a, b) => Number(a.path.endsWith(ENTRY)) - Number(b.path.endsWith(ENTRY)))
  for (const { path, contents } of code)
    files.set(
      relative(directory, path),
      path.endsWith('.map') ? fromRoot(contents, directory, sourceRoot) : contents,
    )
  const place = (suffix: string) => join(outRoot, `${bundle}.${suffix}`)
  // The key is deleted first and written last, so that after a crash no key describes other files.
  await rm(place('key'), { force: true })
  const isChanged = await writeFolder(directory, files)
  await writeFile(place('meta.json'), JSON.stringify(metafile))
  const key = await keyOf(ROOT, metafile, { ...ingredientsOf(bundle, options), madeAt })
  if (key) await writeFile(place('key'), key)
  return {
    bundle,
    directory,
    ...sizesOf(metafile),
    isChanged,
  }
}

/** A source map with source paths relative to the project's root. */
function fromRoot(map: Uint8Array, directory: string, sourceRoot = ''): Uint8Array {
  const { sources, ...rest } = JSON.parse(new TextDecoder().decode(map)) as { sources: string[] }
  const named = sources.map((source) => relative(ROOT, resolve(directory, source)).replaceAll('\\', '/'))
  return new TextEncoder().encode(JSON.stringify({ ...rest, sourceRoot, sources: named }))
}

/** Makes a folder contain exactly these files, written in this order. @returns whether anything was written. */
async function writeFolder(directory: string, files: ReadonlyMap<string, Uint8Array>): Promise<boolean> {
  let isChanged = false
  for (const [name, contents] of files) {
    const path = join(directory, name)
    const present = await readFile(path).catch(() => undefined)
    if (present?.equals(contents)) continue
    isChanged = true
    await mkdir(dirname(path), { recursive: true })
    const draft = `${path}.${process.pid}.draft`
    await writeFile(draft, contents)
    await rename(draft, path)
  }
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || files.has(relative(directory, path)) || path.endsWith('.draft')) continue
    isChanged = true
    await rm(path, { force: true })
  }
  return isChanged
}

function coldBytes({ outputs }: Metafile): number {
  const entry = Object.keys(outputs).find((path) => path.endsWith(`/${ENTRY}`))
  const seen = new Set<string>()
  const pending = entry ? [entry] : []
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    for (const { path: next, kind, external } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement' && !external) pending.push(next)
  }
  return [...seen].reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0)
}

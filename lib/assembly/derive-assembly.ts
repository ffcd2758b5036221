import { copyFile, cp, link, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BUNDLES, type BundleName } from '../../functions/contract.ts'
import { bundleFunctions, generateFiles } from '../bundle.ts'
import { readAssembly } from '../local/emulator/template/assembly.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** Sources that the template itself is made of: `lib/` imports them. */
const OF_TEMPLATE = /^functions\/(contract|metrics|core\/domain\/cost|tasks\/manifest\.gen|api)\b/

export interface Derivation {
  /** The assembly to take the template from. */
  readonly from: string
  readonly to: string
  readonly bundleRoot: string
  /** Changed files, below the project's root. */
  readonly changed: readonly string[]
  readonly isReadable: boolean
}

/**
 * Makes an assembly of another whose template stays, with new code: bundles what the changed files are part of, and
 * nothing else. A second instead of the five that bundling everything and a synth take.
 *
 * @returns false, with nothing written, when the template may change.
 * @throws Error with the compiler's own words.
 */
export async function deriveAssembly({
  from,
  to,
  bundleRoot,
  changed,
  isReadable,
}: Derivation): Promise<boolean> {
  const paths = changed.map((path) => path.replaceAll('\\', '/'))
  if (paths.length === 0 || !paths.every((path) => path.startsWith('functions/') && !OF_TEMPLATE.test(path)))
    return false
  const stale = await bundlesOf(
    paths.filter((path) => !path.endsWith('.test.ts')),
    bundleRoot,
  )
  const { assets } = await readAssembly(from)
  const folders = await foldersOf(stale, [...assets.values()], bundleRoot)
  if (!folders) return false
  const manifest = await readFile(join(ROOT, MANIFEST))
  const bundled = bundleFunctions({
    only: stale,
    outRoot: bundleRoot,
    sourceRoot: sourceRootOf(),
    isReadable,
    skipsUnchanged: true,
    isGenerated: true,
  })
  // Beside it: mostly nothing of it changes. What does not load is said with its place by the generator, so that is heard first.
  bundled.catch(() => undefined)
  await generateFiles()
  await bundled
  // A task's lane or schema is part of the template.
  if (!manifest.equals(await readFile(join(ROOT, MANIFEST)))) return false
  const draft = `${to}.${process.pid}.draft`
  await rm(draft, { recursive: true, force: true })
  await linkAll(from, draft)
  for (const [bundle, folder] of folders) {
    const place = join(draft, relative(from, folder))
    await rm(place, { recursive: true, force: true })
    await cp(join(bundleRoot, bundle), place, { recursive: true })
  }
  await rename(draft, to)
  return true
}

/** A copy that takes no room: nothing of an assembly is ever written to again. */
async function linkAll(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [old, made] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await linkAll(old, made)
    // Some file systems have no links.
    else await link(old, made).catch(() => copyFile(old, made))
  }
}

const MANIFEST = 'functions/tasks/manifest.gen.json'

export const sourceRootOf = (): string => `${pathToFileURL(ROOT).href}/`

/** Those that one of the files went into, when they were last written. */
async function bundlesOf(paths: readonly string[], bundleRoot: string): Promise<readonly BundleName[]> {
  const names = Object.keys(BUNDLES) as BundleName[]
  const uses = await Promise.all(
    names.map(async (name) => {
      const meta = await readFile(join(bundleRoot, `${name}.meta.json`), 'utf8').catch(() => '{"inputs":{}}')
      const inputs = inputsOf(meta)
      // One that is damaged says nothing: the bundle may have them.
      return !inputs || paths.some((path) => Object.hasOwn(inputs, path))
    }),
  )
  return names.filter((_, index) => uses[index])
}

function inputsOf(meta: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return (JSON.parse(meta) as { inputs?: Readonly<Record<string, unknown>> } | null)?.inputs
  } catch {
    return undefined
  }
}

/** Where an assembly keeps the code of these bundles. @returns undefined when one is not there as it was written. */
async function foldersOf(
  bundles: readonly BundleName[],
  assets: readonly string[],
  bundleRoot: string,
): Promise<ReadonlyMap<BundleName, string> | undefined> {
  const entryOf = (folder: string) => readFile(join(folder, 'index.mjs')).catch(() => undefined)
  const entries = await Promise.all(assets.map(async (folder) => ({ folder, entry: await entryOf(folder) })))
  const found = new Map<BundleName, string>()
  for (const bundle of bundles) {
    const own = await entryOf(join(bundleRoot, bundle))
    const folder = entries.find(({ entry }) => own && entry?.equals(own))?.folder
    if (!folder || !(await sameFiles(folder, join(bundleRoot, bundle)))) return undefined
    found.set(bundle, folder)
  }
  return found
}

async function sameFiles(left: string, right: string): Promise<boolean> {
  const [one, other] = await Promise.all([left, right].map((folder) => readdir(folder).catch(() => [])))
  return JSON.stringify(one?.sort()) === JSON.stringify(other?.sort())
}

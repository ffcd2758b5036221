import { copyFile, cp, link, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BUNDLES, type BundleName } from '../../functions/contract.ts'
import { bundleFunctions, generateFiles } from '../bundle.ts'
import { readAssembly } from '../local/emulator/template/assembly.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** Sources that affect the template, because `lib/` imports them. */
const OF_TEMPLATE = /^functions\/(contract|metrics|core\/domain\/cost|tasks\/manifest\.gen|api)\b/

export interface Derivation {
  /** The assembly to take the template from. */
  readonly from: string
  readonly to: string
  readonly bundleRoot: string
  /** Changed files, relative to the project's root. */
  readonly changed: readonly string[]
  readonly isReadable: boolean
}

/**
 * Creates an assembly from another one with the same template and new code: only bundles that contain the changed files are
 * built. Takes one second; building all bundles and a synth take five.
 *
 * @returns false, with nothing written, when the template may have changed.
 * @throws Error with the compiler's message.
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
  // Runs alongside, because generated files rarely change. Its errors name the place in the source, so they are reported first.
  bundled.catch(() => undefined)
  await generateFiles()
  await bundled
  // The manifest contains lanes and schemas of task types, which are part of the template.
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

/** A copy made of hard links, which takes no space; safe because an assembly is never changed. */
async function linkAll(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [old, made] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await linkAll(old, made)
    // Some file systems have no hard links.
    else await link(old, made).catch(() => copyFile(old, made))
  }
}

const MANIFEST = 'functions/tasks/manifest.gen.json'

export const sourceRootOf = (): string => `${pathToFileURL(ROOT).href}/`

/** The bundles that contained one of the files when they were last built. */
async function bundlesOf(paths: readonly string[], bundleRoot: string): Promise<readonly BundleName[]> {
  const names = Object.keys(BUNDLES) as BundleName[]
  const uses = await Promise.all(
    names.map(async (name) => {
      const meta = await readFile(join(bundleRoot, `${name}.meta.json`), 'utf8').catch(() => '{"inputs":{}}')
      const inputs = inputsOf(meta)
      // When the list of a bundle's sources is damaged, assume that it contains them.
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

/** The folders of these bundles in an assembly. @returns undefined when one of them is missing or damaged. */
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

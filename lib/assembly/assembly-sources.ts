import { readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { BUNDLES, type BundleName } from '../../functions/contract.ts'
import { readAssembly } from '../local/emulator/template/assembly.ts'

/** The bundles and declarations an assembly was made of, saved in its folder, so that the next one needs no synth. */
export interface AssemblySources {
  readonly bundles: Readonly<Partial<Record<BundleName, BundleOfAssembly>>>
  /** Hash of what the task types declare, see `declarations.ts`; undefined when one did not compile. */
  readonly declarations?: string | undefined
}

export interface BundleOfAssembly {
  /** Relative to the assembly's folder. */
  readonly folder: string
  /** Hash of the bundle's sources; undefined when one of them was saved during the build. */
  readonly key?: string | undefined
}

export const BUNDLE_NAMES = Object.keys(BUNDLES) as readonly BundleName[]

const FILE = 'made-of.json'

/** @returns undefined when the file is missing or damaged. */
export async function readAssemblySources(assembly: string): Promise<AssemblySources | undefined> {
  try {
    const read = JSON.parse(await readFile(join(assembly, FILE), 'utf8')) as Partial<AssemblySources> | null
    return typeof read?.bundles === 'object' && read.bundles ? { ...read, bundles: read.bundles } : undefined
  } catch {
    return undefined
  }
}

export async function writeAssemblySources(assembly: string, sources: AssemblySources): Promise<void> {
  const path = join(assembly, FILE)
  // The file may be a hard link shared with another assembly.
  await rm(path, { force: true })
  await writeFile(path, JSON.stringify(sources))
}

/**
 * Finds the bundles' folders in an assembly that a synth has just created; a stage does not use all bundles.
 *
 * @returns an empty object when some code belongs to no bundle, for example after another process has changed the bundles.
 */
export async function findBundles(assembly: string, bundleRoot: string): Promise<AssemblySources['bundles']> {
  const entryOf = (folder: string) => readFile(join(folder, 'index.mjs'), 'utf8').catch(() => undefined)
  const folders = new Map<string | undefined, string>()
  for (const folder of (await readAssembly(assembly)).assets.values())
    folders.set(await entryOf(folder), relative(assembly, folder))
  folders.delete(undefined)
  const bundles: Partial<Record<BundleName, BundleOfAssembly>> = {}
  for (const name of BUNDLE_NAMES) {
    const entry = await entryOf(join(bundleRoot, name))
    const folder = folders.get(entry)
    if (entry === undefined || folder === undefined) continue
    folders.delete(entry)
    bundles[name] = { folder, key: await keyOfBundle(name, bundleRoot) }
  }
  return folders.size === 0 ? bundles : {}
}

export const keyOfBundle = (name: BundleName, bundleRoot: string): Promise<string | undefined> =>
  readFile(join(bundleRoot, `${name}.key`), 'utf8').catch(() => undefined)

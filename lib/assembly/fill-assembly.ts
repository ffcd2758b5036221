import { copyFile, link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BUNDLES } from '../../functions/contract.ts'
import { readAssembly } from '../local/emulator/template/assembly.ts'
import { findBundles, writeAssemblySources } from './assembly-sources.ts'

/** Root of the source paths in source maps of the local run. */
export const SOURCE_ROOT = `${pathToFileURL(resolve(import.meta.dirname, '../..')).href}/`

/** File beside the bundles with the hash of what the task types declare. */
export const DECLARATIONS = 'declarations'

/** Writes folders that stand for bundles and contain only their names, so that the template can be synthesized during bundling. */
export async function writePlaceholders(folder: string): Promise<void> {
  for (const name of Object.keys(BUNDLES)) {
    await mkdir(join(folder, name), { recursive: true })
    await writeFile(join(folder, name, 'index.mjs'), name)
  }
}

/** Replaces the placeholders in an assembly by the bundles, and notes which ones it has. */
export async function fillAssembly(directory: string, bundleRoot: string): Promise<void> {
  const { assets } = await readAssembly(directory)
  for (const folder of new Set(assets.values())) {
    const name = await readFile(join(folder, 'index.mjs'), 'utf8').catch(() => undefined)
    if (name === undefined || !Object.hasOwn(BUNDLES, name)) continue
    await rm(folder, { recursive: true })
    await linkAll(join(bundleRoot, name), folder)
  }
  const declarations = await readFile(join(bundleRoot, DECLARATIONS), 'utf8').catch(() => '')
  await writeAssemblySources(directory, {
    bundles: await findBundles(directory, bundleRoot),
    ...(declarations ? { declarations } : {}),
  })
}

/** A copy made of hard links, which takes no space; safe because files of assemblies and bundles are replaced, never changed. */
export async function linkAll(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [old, made] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await linkAll(old, made)
    // Some file systems have no hard links.
    else await link(old, made).catch(() => copyFile(old, made))
  }
}

import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { BundleName } from '../../functions/contract.ts'
import { bundleFunctions, filesBeside } from '../bundle.ts'
import {
  type AssemblySources,
  BUNDLE_NAMES,
  keyOfBundle,
  readAssemblySources,
  writeAssemblySources,
} from './assembly-sources.ts'
import { hashDeclarations } from './declarations.ts'
import { linkAll, SOURCE_ROOT } from './fill-assembly.ts'
import { generateFiles } from './generate-files.ts'
import { isTemplateSource } from './template-sources.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** The only bundle that runs tasks. */
const WORKER: BundleName = 'run-task'

export interface Derivation {
  /** The assembly to take the template from. */
  readonly from: string
  readonly to: string
  readonly bundleRoot: string
  /** Changed files, below the project's root. */
  readonly changed: readonly string[]
  readonly isReadable: boolean
}

export interface DerivationOutcome {
  /** False, with nothing written, when the template may have changed. */
  readonly isDerived: boolean
  /** Whether the generated files are up to date. */
  readonly isGenerated: boolean
}

/**
 * Creates an assembly from another one with the same template and new code: only bundles that contain the changed files are
 * built. Takes one or two seconds; building all bundles and a synth take five.
 *
 * @throws Error with the compiler's message.
 */
export async function deriveAssembly(derivation: Derivation): Promise<DerivationOutcome> {
  const { from, bundleRoot, changed } = derivation
  const paths = changed.map((path) => path.replaceAll('\\', '/')).filter((path) => !path.endsWith('.test.ts'))
  const assemblySources = await readAssemblySources(from)
  if (
    !assemblySources?.bundles[WORKER] ||
    !paths.every((path) => path.startsWith('functions/') && !isTemplateSource(path))
  )
    return { isDerived: false, isGenerated: false }
  // Computed before bundling, so that the next reload detects a file saved in the meantime.
  const declarations = await hashDeclarations()
  const stale = await bundlesBehind(assemblySources, bundleRoot)
  if (
    declarations &&
    declarations === assemblySources.declarations &&
    (await areOfWorker(paths, bundleRoot))
  ) {
    stale.add(WORKER)
    await bundle(stale, derivation)
  } else {
    for (const name of await bundlesOf(paths, assemblySources, bundleRoot)) stale.add(name)
    const written = await bundleAndGenerate(stale, derivation)
    if (written.some(isTemplateSource)) return { isDerived: false, isGenerated: true }
    const further = await bundlesOf(written, assemblySources, bundleRoot)
    for (const name of further) stale.add(name)
    if (further.length > 0) await bundle(stale, derivation)
  }
  return {
    isDerived: await assemble(stale, { ...assemblySources, declarations }, derivation),
    isGenerated: true,
  }
}

const bundle = (only: ReadonlySet<BundleName>, { bundleRoot, isReadable }: Derivation) =>
  bundleFunctions({
    only: [...only],
    outRoot: bundleRoot,
    sourceRoot: SOURCE_ROOT,
    isReadable,
    skipsUnchanged: true,
    isGenerated: true,
  })

/**
 * Runs both at the same time, because generated files rarely change.
 *
 * @returns the generated files that have changed.
 */
async function bundleAndGenerate(
  stale: ReadonlySet<BundleName>,
  derivation: Derivation,
): Promise<readonly string[]> {
  const before = await readGenerated()
  const bundled = bundle(stale, derivation)
  // The generator's errors name the place in the source, so they are reported first.
  bundled.catch(() => undefined)
  await generateFiles()
  const after = await readGenerated()
  const written = [...after].filter(([path, text]) => before.get(path) !== text).map(([path]) => path)
  // An error may come from a generated file that was out of date; the caller builds again.
  await (written.length > 0 ? bundled.catch(() => undefined) : bundled)
  return written
}

async function readGenerated(): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(join(ROOT, 'functions'), { recursive: true })
  const paths = names.map((name) => `functions/${name.replaceAll('\\', '/')}`)
  const generated = paths.filter((path) => path.includes('.gen.'))
  return new Map(
    await Promise.all(
      generated.map(async (path) => [path, await readFile(join(ROOT, path), 'utf8')] as const),
    ),
  )
}

/** Copies the assembly with the new code of these bundles. @returns false when the folder of one is unknown. */
async function assemble(
  stale: ReadonlySet<BundleName>,
  assemblySources: AssemblySources,
  { from, to, bundleRoot }: Derivation,
): Promise<boolean> {
  const bundles = { ...assemblySources.bundles }
  for (const name of stale) {
    const folder = bundles[name]?.folder
    if (!folder || !existsSync(join(from, folder))) return false
    bundles[name] = { folder, key: await keyOfBundle(name, bundleRoot) }
  }
  const draft = `${to}.${process.pid}.draft`
  await rm(draft, { recursive: true, force: true })
  await linkAll(from, draft)
  for (const name of stale) {
    const place = join(draft, bundles[name]?.folder ?? '')
    await rm(place, { recursive: true, force: true })
    await linkAll(join(bundleRoot, name), place)
  }
  await writeAssemblySources(draft, { ...assemblySources, bundles })
  await rename(draft, to)
  return true
}

const namesIn = ({ bundles }: AssemblySources) => BUNDLE_NAMES.filter((name) => bundles[name])

/** The bundles built from other sources than the assembly's, for example before a change was undone. */
async function bundlesBehind(assemblySources: AssemblySources, bundleRoot: string): Promise<Set<BundleName>> {
  const behind = new Set<BundleName>()
  for (const name of namesIn(assemblySources)) {
    const key = await keyOfBundle(name, bundleRoot)
    if (!key || key !== assemblySources.bundles[name]?.key) behind.add(name)
  }
  return behind
}

/** Whether all of these are existing task sources in the worker's bundle. */
async function areOfWorker(paths: readonly string[], bundleRoot: string): Promise<boolean> {
  const inputs = await inputsOf(WORKER, bundleRoot)
  return paths.every(
    (path) =>
      path.startsWith('functions/tasks/') &&
      path.endsWith('.ts') &&
      inputs !== undefined &&
      Object.hasOwn(inputs, path) &&
      existsSync(join(ROOT, path)),
  )
}

/** The bundles that contained one of the files when they were last built. */
async function bundlesOf(
  paths: readonly string[],
  assemblySources: AssemblySources,
  bundleRoot: string,
): Promise<readonly BundleName[]> {
  if (paths.length === 0) return []
  const names = namesIn(assemblySources)
  const uses = await Promise.all(
    names.map(async (name) => {
      const inputs = await inputsOf(name, bundleRoot)
      const beside = filesBeside(name)
      // When the list of a bundle's sources is damaged, assume that it contains them.
      return !inputs || paths.some((path) => Object.hasOwn(inputs, path) || beside.includes(path))
    }),
  )
  return names.filter((_, index) => uses[index])
}

async function inputsOf(
  name: BundleName,
  bundleRoot: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const meta = JSON.parse(await readFile(join(bundleRoot, `${name}.meta.json`), 'utf8'))
    return (meta as { inputs?: Readonly<Record<string, unknown>> } | null)?.inputs
  } catch {
    return undefined
  }
}

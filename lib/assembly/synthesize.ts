import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { MODEL_VARIABLES } from '../../functions/contract/providers.ts'
import { readAssembly } from '../local/emulator/template/assembly.ts'
import { runScript } from './run-script.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** Settings of `.env` that change the template of stage `local`. */
export const SETTINGS: readonly string[] = [
  ...MODEL_VARIABLES,
  'HTTPS_PROXY',
  'HTTP_PROXY',
  'NO_PROXY',
  'https_proxy',
  'http_proxy',
  'no_proxy',
  'TIMING_SCALE',
  'TENANT_LIMITS',
  'TENANT_KMS_ARNS',
  'PROVIDER_LIMITS',
  'SCHEDULES',
  'AUTH',
  'TOKEN_ISSUERS',
]

/** Folders and files that bundles and template are made of. */
const SOURCES = [
  'functions',
  'lib',
  'bin/generate.ts',
  'bin/generate-tasks.ts',
  'bin/generate-routes.ts',
  'bin/describe-api.ts',
  'bin/api-examples.ts',
  'package-lock.json',
] as const

export interface SynthesizeOptions {
  /** Code that a debugger can be read in: names as the author wrote them. */
  readonly isReadable?: boolean
  /** Files that have changed since `from` was made, below the project's root: the shorter way, where it is open. */
  readonly changed?: readonly string[]
  readonly from?: string
}

/**
 * Gives a synthesized assembly of stage `local`, made anew only when its sources or settings have changed.
 *
 * @returns its folder, named after the hash of what it was made from.
 * @throws Error with the compiler's or the CDK's own words.
 */
export async function synthesize(
  stateDir: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
  { isReadable = false, changed = [], from }: SynthesizeOptions = {},
): Promise<string> {
  const folder = join(stateDir, 'assemblies')
  const kind = isReadable ? '-readable' : ''
  const bundleRoot = join(stateDir, `bundles${kind}`)
  const directory = join(folder, `${await hashSources(env)}${kind}`)
  if (existsSync(directory)) {
    if (await isWhole(directory)) {
      await utimes(directory, new Date(), new Date())
      return directory
    }
    // Damaged on the disk: what it was made of is still there.
    await rm(directory, { recursive: true, force: true })
  }
  await mkdir(folder, { recursive: true })
  const draft = `${directory}.${process.pid}.draft`
  if (from !== undefined && changed.length > 0) {
    const { deriveAssembly } = await import('./derive-assembly.ts')
    if (await deriveAssembly({ from, to: directory, bundleRoot, changed, isReadable })) {
      await dropOld(folder)
      return directory
    }
  }
  const script = join(import.meta.dirname, 'synthesize-process.ts')
  await runScript(script, [draft, bundleRoot, kind], {
    cwd: ROOT,
    // The CDK's own validation of templates is 1.8 s of 2.5; `npm run check` and every deployment have it on.
    env: { ...process.env, ...env, CDK_VALIDATION: 'false' },
  })
  await rename(draft, directory)
  await dropOld(folder)
  return directory
}

const isWhole = (directory: string): Promise<boolean> =>
  readAssembly(directory).then(
    ({ stacks }) => stacks.length > 0,
    () => false,
  )

/** Versions on disk: the one that runs, those that are still finishing, and room to switch back without a synth. */
const KEPT = 6

async function dropOld(folder: string): Promise<void> {
  const paths = (await readdir(folder)).map((name) => join(folder, name))
  const dated = await Promise.all(paths.map(async (path) => ({ path, usedAt: (await stat(path)).mtimeMs })))
  for (const { path } of dated.toSorted((a, b) => b.usedAt - a.usedAt).slice(KEPT))
    await rm(path, { recursive: true, force: true })
}

export type Synthesize = typeof synthesize

async function hashSources(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const hash = createHash('sha256')
  for (const source of SOURCES)
    for (const path of await filesOf(join(ROOT, source))) {
      hash.update(`${relative(ROOT, path)}\0`)
      hash.update(await readFile(path))
    }
  // Only whether there is a key matters to the template, and a key is nothing to keep on disk, not even hashed.
  for (const name of SETTINGS)
    hash.update(`${name}=${name.endsWith('_KEY') ? Boolean(env[name]) : (env[name] ?? '')}\0`)
  return hash.digest('hex').slice(0, 16)
}

async function filesOf(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined)
  if (!entries) return [path]
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes(join('lib', 'local')))
    .filter(({ name }) => !name.endsWith('.test.ts') && !name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

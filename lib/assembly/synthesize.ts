import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { MODEL_VARIABLES } from '../../functions/contract/providers.ts'
import { readAssembly } from '../local/emulator/template/assembly.ts'
import { runScript } from './run-script.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** Settings in `.env` that change the template of stage `local`. */
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

/** Sources of bundles and template. */
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
  /** Do not minify the code, for debuggers. */
  readonly isReadable?: boolean
  /** Files that have changed since `from` was made, relative to the project's root; allows a partial build. */
  readonly changed?: readonly string[]
  readonly from?: string
}

/**
 * Returns a synthesized assembly of stage `local`; built only when its sources or settings have changed.
 *
 * @returns its folder, named after the hash of its sources.
 * @throws Error with the message of the compiler or the CDK.
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
    // The assembly is damaged on disk, so it is built again.
    await rm(directory, { recursive: true, force: true })
  }
  await mkdir(folder, { recursive: true })
  const draft = `${directory}.${process.pid}.draft`
  let isGenerated = false
  if (from !== undefined && changed.length > 0) {
    const { deriveAssembly } = await import('./derive-assembly.ts')
    const derived = await deriveAssembly({ from, to: directory, bundleRoot, changed, isReadable })
    if (derived.isMade) {
      await dropOld(folder)
      return directory
    }
    isGenerated = derived.isGenerated
  }
  const script = join(import.meta.dirname, 'synthesize-process.ts')
  await runScript(script, [draft, bundleRoot, kind, isGenerated ? 'generated' : ''], {
    cwd: ROOT,
    // The CDK's validation of templates takes 1.8 of 2.5 s; `npm run check` and every deployment have it on.
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

/** Versions kept on disk: the running one, those still finishing, and some to switch back to without a synth. */
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
  // For keys, only whether there is one affects the template. The key itself is not stored, not even as a hash.
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

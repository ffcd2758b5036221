import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { MODEL_VARIABLES } from '../../functions/contract/providers.ts'
import { readAssembly } from '../local/emulator/template/assembly.ts'
import { runScript } from './run-script.ts'
import { TEMPLATE_SOURCES } from './template-sources.ts'

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
  'bin/generate-providers.ts',
  'bin/generate-tasks.ts',
  'bin/generate-routes.ts',
  'bin/generated-file.ts',
  'bin/describe-api.ts',
  'bin/describe-tools.ts',
  'bin/api-examples.ts',
  'package-lock.json',
]

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
  let isGenerated = false
  for (let round = 1; ; round += 1) {
    const hash = await hashOf(SOURCES, env)
    const directory = join(folder, `${hash}${kind}`)
    if (await isThere(directory)) return directory
    if (round === 1 && from !== undefined && changed.length > 0) {
      const { deriveAssembly } = await import('./derive-assembly.ts')
      const derived = await deriveAssembly({ from, to: directory, bundleRoot, changed, isReadable })
      if (derived.isDerived) {
        await dropOld(folder)
        return directory
      }
      isGenerated ||= derived.isGenerated
    }
    const made = await Promise.allSettled(await makeAll(stateDir, env, bundleRoot, kind, isGenerated))
    // The generator ran at the same time. When it has written a file, build again with that file.
    if (round < ROUNDS && (await hashOf(SOURCES, env)) !== hash) continue
    for (const part of made) if (part.status === 'rejected') throw part.reason
    const [template] = made as [PromiseFulfilledResult<string>, unknown]
    const { fillAssembly, linkAll } = await import('./fill-assembly.ts')
    const draft = `${directory}.${process.pid}.draft`
    await rm(draft, { recursive: true, force: true })
    await linkAll(template.value, draft)
    await fillAssembly(draft, bundleRoot)
    await rename(draft, directory)
    await dropOld(folder)
    return directory
  }
}

/** Stop building again when sources keep changing, because somebody is still saving. */
const ROUNDS = 3

/**
 * Starts template and bundles in child processes, and runs the generator at the same time. One after the other, they left one
 * of two cores idle for half of the time.
 *
 * @returns promises of the template's folder and of the end of bundling.
 * @throws Error of the generator, because only its errors name the place in the source.
 */
async function makeAll(
  stateDir: string,
  env: Readonly<Record<string, string | undefined>>,
  bundleRoot: string,
  kind: string,
  isGenerated: boolean,
): Promise<[Promise<string>, Promise<unknown>]> {
  const { generateFiles } = await import('./generate-files.ts')
  const stop = new AbortController()
  const run = (script: string, args: readonly string[]) =>
    runScript(join(import.meta.dirname, script), args, {
      cwd: ROOT,
      // The CDK's validation of templates takes 1.8 of 2.5 s; `npm run check` and every deployment have it on. GOGC is the
      // bundler's: at 100, Go's default, it takes 7.7 s of CPU, at 200 it takes 6.6 s and 150 MB more.
      env: { GOGC: '200', ...process.env, ...env, CDK_VALIDATION: 'false' },
      signal: stop.signal,
    })
  const bundled = run('bundle-process.ts', [bundleRoot, kind])
  const template = makeTemplate(stateDir, env, run)
  for (const part of [bundled, template]) part.catch(() => undefined)
  try {
    if (!isGenerated) await generateFiles()
  } catch (cause) {
    stop.abort()
    throw cause
  }
  return [template, bundled]
}

/** @returns the folder of an assembly with placeholders for its bundles; kept until one of its sources changes. */
export async function makeTemplate(
  stateDir: string,
  env: Readonly<Record<string, string | undefined>>,
  run: (script: string, args: readonly string[]) => Promise<unknown>,
): Promise<string> {
  const folder = join(stateDir, 'templates')
  const hash = await hashOf(TEMPLATE_SOURCES, env)
  const directory = join(folder, hash)
  if (await isThere(directory)) return directory
  await mkdir(folder, { recursive: true })
  const draft = `${directory}.${process.pid}.draft`
  await rm(draft, { recursive: true, force: true })
  await run('template-process.ts', [draft, join(stateDir, 'placeholders')])
  // The generator or an author may have written a source meanwhile. Under the old hash it would be used again for the old sources.
  if ((await hashOf(TEMPLATE_SOURCES, env)) !== hash) return draft
  await rename(draft, directory)
  await dropOld(folder)
  return directory
}

/** Marks an existing folder as used, so that `dropOld` keeps it. */
async function isThere(directory: string): Promise<boolean> {
  if (!existsSync(directory)) return false
  if (await isWhole(directory)) {
    await utimes(directory, new Date(), new Date())
    return true
  }
  // The folder is damaged on disk, so it is built again.
  await rm(directory, { recursive: true, force: true })
  return false
}

const isWhole = (directory: string): Promise<boolean> =>
  readAssembly(directory).then(
    ({ stacks }) => stacks.length > 0,
    () => false,
  )

/** Versions kept on disk: the running one, those still finishing, and some to switch back to without a synth. */
const KEPT_VERSIONS = 6

async function dropOld(folder: string): Promise<void> {
  const paths = (await readdir(folder)).map((name) => join(folder, name))
  const dated = await Promise.all(paths.map(async (path) => ({ path, usedAt: (await stat(path)).mtimeMs })))
  for (const { path } of dated.toSorted((a, b) => b.usedAt - a.usedAt).slice(KEPT_VERSIONS))
    await rm(path, { recursive: true, force: true })
}

export type Synthesize = typeof synthesize

async function hashOf(
  sources: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const hash = createHash('sha256')
  for (const source of sources)
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

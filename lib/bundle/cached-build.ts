import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { COMMON_SOURCES } from './fresh-key.ts'
import type { BuildOutput } from './separate-modules.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/**
 * A cached build of packages with the same lock file and settings; built when there is none. A cache that is damaged or not
 * writable is ignored.
 */
export async function cachedBuild(
  folder: string,
  settings: object,
  make: () => Promise<BuildOutput>,
): Promise<BuildOutput> {
  const hash = createHash('sha256').update(JSON.stringify([ROOT, process.version, settings]))
  for (const path of COMMON_SOURCES) hash.update(await readFile(join(ROOT, path)))
  const name = `${hash.digest('hex').slice(0, 32)}.bin`
  const found = await readFile(join(folder, name))
    .then((bytes) => deserialize(bytes) as BuildOutput)
    .catch(() => undefined)
  if (found) return found
  const { outputFiles, metafile } = await make()
  const built = { outputFiles: outputFiles.map(({ path, contents }) => ({ path, contents })), metafile }
  await write(folder, name, serialize(built)).catch(() => undefined)
  return built
}

/** Number of cached builds; few are in use: minified or not, of the workers or of the API. */
const MAX_CACHED_BUILDS = 8

async function write(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true })
  const draft = join(folder, `${name}.${process.pid}.draft`)
  await writeFile(draft, bytes)
  await rename(draft, join(folder, name))
  const names = await readdir(folder)
  if (names.length <= MAX_CACHED_BUILDS) return
  for (const other of names) if (other !== name) await rm(join(folder, other), { force: true })
}

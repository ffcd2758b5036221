import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readStateFile } from '../state-file.ts'

const BYTES = 32
const PEPPER_FORMAT = /^[\w-]{43}$/

/**
 * The pepper for hashes of this state's API keys: created once, readable only for this user, as `npm run deploy` does for a stage.
 *
 * @throws Error that names a damaged file, because with an empty pepper anybody could calculate the hashes.
 */
export async function readPepper(stateDir: string): Promise<string> {
  const file = join(stateDir, 'key-pepper')
  const made = randomBytes(BYTES).toString('base64url')
  await writeFile(file, made, { flag: 'wx', mode: 0o600 }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw cause
  })
  const pepper = (await readStateFile(file)) ?? ''
  if (PEPPER_FORMAT.test(pepper)) return pepper
  throw new Error(
    `${file} is damaged: put a copy there, or delete it, and every API key of this state must be made anew.`,
  )
}

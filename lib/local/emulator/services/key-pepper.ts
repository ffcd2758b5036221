import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What the hashes of this state's keys are made with: made once, for this user alone, as `npm run deploy` does for a stage. */
export async function readPepper(stateDir: string): Promise<string> {
  const file = join(stateDir, 'key-pepper')
  await writeFile(file, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600 }).catch(
    (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause
    },
  )
  return readFile(file, 'utf8')
}

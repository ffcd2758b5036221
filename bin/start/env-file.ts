/** What `.env` has: which names are used, and which somebody probably meant otherwise. */
import { readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { keyVariableOf } from '../../functions/contract/providers.ts'
import { nearestName } from '../../functions/core/domain/nearest-name.ts'
import { SETTINGS } from '../../lib/assembly/synthesize.ts'

/** Every name that the local run or the command line reads. */
const KNOWN = [
  ...SETTINGS,
  'PORT',
  'HOST',
  'TASKRUNNER_STATE',
  'TASKRUNNER_BASE',
  'TASKRUNNER_KEY',
  'TASKRUNNER_PROFILE',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
  'NO_COLOR',
  'FORCE_COLOR',
]

/** Edits that a slip of the finger makes; further away it is a name of something else. */
const SLIPS = 3

/** @returns one sentence per name of the file that nothing reads, the file's values never among them. */
export async function unusedNames(file: string): Promise<readonly string[]> {
  const given = parseEnv(await readFile(file, 'utf8').catch(() => ''))
  const known = [...KNOWN, ...keysOfServers(given.MODEL_SERVERS)]
  return Object.keys(given).flatMap((name) => {
    if (known.includes(name)) return []
    const nearest = nearestName(name.toUpperCase(), known)
    return isSlip(name.toUpperCase(), nearest)
      ? [`.env: ${name} is not used. Did you mean ${nearest}?`]
      : [`.env: ${name} is not used.`]
  })
}

/** Where the keys of further servers stand. What is wrong with the list, the stage's schema has told. */
function keysOfServers(json: string | undefined): readonly string[] {
  try {
    const servers = JSON.parse(json || '[]') as readonly { readonly name?: unknown }[]
    return servers.flatMap(({ name }) => (typeof name === 'string' ? [keyVariableOf(name)] : []))
  } catch {
    return []
  }
}

function isSlip(word: string, name: string): boolean {
  const letters = new Map<string, number>()
  for (const letter of word) letters.set(letter, (letters.get(letter) ?? 0) + 1)
  for (const letter of name) letters.set(letter, (letters.get(letter) ?? 0) - 1)
  const apart = [...letters.values()].reduce((sum, count) => sum + Math.abs(count), 0)
  return apart <= SLIPS
}

/** Checks `.env`: which names nothing reads, and which other names were probably meant. */
import { readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { keyVariableOf } from '../../functions/contract/providers.ts'
import { nearestName } from '../../functions/core/domain/nearest-name.ts'
import { SETTINGS } from '../../lib/assembly/synthesize.ts'

/** Every name that the local run or the CLI reads. */
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

/** @returns one sentence per name in the file that nothing reads, without any values. */
export async function unusedNames(file: string): Promise<readonly string[]> {
  const given = parseEnv(await readFile(file, 'utf8').catch(() => ''))
  const known = [...KNOWN, ...keysOfServers(given.MODEL_SERVERS)]
  return Object.keys(given).flatMap((name) => {
    if (known.includes(name)) return []
    const nearest = nearestName(name.toUpperCase(), known)
    return [`.env: ${name} is not used.${nearest === undefined ? '' : ` Did you mean ${nearest}?`}`]
  })
}

/** Variables of model servers' keys. Errors in the list were already reported by the stage's schema. */
function keysOfServers(json: string | undefined): readonly string[] {
  try {
    const servers = JSON.parse(json || '[]') as readonly { readonly name?: unknown }[]
    return servers.flatMap(({ name }) => (typeof name === 'string' ? [keyVariableOf(name)] : []))
  } catch {
    return []
  }
}

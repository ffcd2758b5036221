/** Decides which stage a command uses, and with which key. */
import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { API_BASE } from '../../functions/contract.ts'
import { usageError } from './failure.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const LOCAL_PORT = 3_000

export type Environment = Readonly<Record<string, string | undefined>>

export interface Flags {
  readonly base?: string
  readonly key?: string
  readonly profile?: string
}

export interface Target {
  /** With the API's base path, without a slash at its end. */
  readonly base: string
  readonly key: string | undefined
  /** Key of API Gateway's usage plan, on a stage with one. */
  readonly gatewayKey: string | undefined
  /** Where the address was found, as a text. */
  readonly source: string
  /** The stage runs on this machine, so its logs are local files. */
  readonly isLocal: boolean
  /** From the profile; log groups of deployed stages contain it. */
  readonly stage: string | undefined
  readonly region: string | undefined
  /** The profile file contains keys, and other users of this machine can read it. */
  readonly isProfileOpen: boolean
}

interface Profile {
  readonly base: string
  readonly key?: string
  readonly gatewayKey?: string
  readonly stage?: string
  readonly region?: string
}

export const profileFile = (env: Environment): string =>
  join(env.XDG_CONFIG_HOME?.trim() || join(homedir(), '.config'), 'taskrunner/profiles.json')

/** Folder of the local stage's state: its logs, and its address. */
export const stateDirectory = (env: Environment): string =>
  resolve(env.TASKRUNNER_STATE?.trim() || join(ROOT, '.taskrunner'))

/**
 * The first of: `--base`, `--profile`, TASKRUNNER_BASE, TASKRUNNER_PROFILE, the running local stage, localhost:3000.
 * A profile's key is sent only to that profile's address; TASKRUNNER_KEY is used where no other key is given.
 *
 * @throws CliError when the profile does not exist or has no address.
 */
export async function readTarget(flags: Flags, env: Environment): Promise<Target> {
  const given = (name: string) => env[name]?.trim() || undefined
  const name =
    flags.profile ?? (flags.base || given('TASKRUNNER_BASE') ? undefined : given('TASKRUNNER_PROFILE'))
  const profile = name === undefined ? undefined : await readProfile(name, env)
  const found = (base: string, source: string): Target => {
    const url = toBase(base, source)
    // With another address in --base, the profile's key must not be sent.
    const own = flags.base && profile && toBase(profile.base, '') !== url ? undefined : profile
    return {
      base: url,
      key: flags.key ?? own?.key ?? given('TASKRUNNER_KEY'),
      gatewayKey: own?.gatewayKey ?? given('TASKRUNNER_GATEWAY_KEY'),
      source,
      isLocal: /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname),
      stage: own?.stage ?? (own ? name : undefined),
      region: own?.region ?? /\.execute-api\.([\w-]+)\./.exec(url)?.[1],
      isProfileOpen: profile?.isOpen ?? false,
    }
  }
  if (flags.base) return found(flags.base, '--base')
  if (profile) return found(profile.base, `profile "${name}"`)
  const base = given('TASKRUNNER_BASE')
  if (base) return found(base, 'TASKRUNNER_BASE')
  const running = await readFile(join(stateDirectory(env), 'running.json'), 'utf8').then(
    (text) => (JSON.parse(text) as { url?: string }).url,
    () => undefined,
  )
  if (running) return found(running, 'the local stage that runs')
  return found(`http://127.0.0.1:${given('PORT') ?? LOCAL_PORT}`, 'the local stage')
}

async function readProfile(name: string, env: Environment): Promise<Profile & { readonly isOpen: boolean }> {
  const file = profileFile(env)
  const text = await readFile(file, 'utf8').catch(() => undefined)
  const example = `{"${name}": {"base": "https://…", "key": "…"}}`
  if (text === undefined) throw usageError(`There is no ${file}. Write it: ${example}`)
  const profiles = parse(text, file)
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  if (!profile)
    throw usageError(
      `There is no profile "${name}" in ${file}. Profiles: ${Object.keys(profiles).join(', ') || 'none'}.`,
    )
  if (typeof profile.base !== 'string')
    throw usageError(`Profile "${name}" in ${file} has no "base". It looks like this: ${example}`)
  const { mode } = await stat(file)
  return { ...profile, isOpen: process.platform !== 'win32' && (mode & 0o077) !== 0 }
}

function parse(text: string, file: string): Record<string, Profile> {
  try {
    return JSON.parse(text) as Record<string, Profile>
  } catch (cause) {
    throw usageError(`${file} is no JSON: ${(cause as Error).message}.`)
  }
}

/** Names of all profiles, for shell completion and error messages. */
export async function profileNames(env: Environment): Promise<readonly string[]> {
  const text = await readFile(profileFile(env), 'utf8').catch(() => '{}')
  try {
    return Object.keys(JSON.parse(text) as object)
  } catch {
    return []
  }
}

function toBase(text: string, source: string): string {
  if (!/^https?:\/\/[^/]/.test(text) || !URL.canParse(text))
    throw usageError(
      `"${text}" (from ${source}) is no address of a stage. Give the output ApiUrl, e.g. http://localhost:3000.`,
    )
  const bare = text.replace(/[?#].*$/, '').replace(/\/+$/, '')
  return bare.endsWith(API_BASE) ? bare : `${bare}${API_BASE}`
}

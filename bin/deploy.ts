/** `npm run preflight|deploy|admin-key|smoke|diff|destroy -- <stage>`: all stacks of one stage. Further arguments are passed to the CDK. */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { type Command, readCommand } from '../lib/deploy/command.ts'
import { emptyBuckets } from '../lib/deploy/empty-bucket.ts'
import { preflight } from '../lib/deploy/preflight.ts'
import { smokeTarget } from '../lib/deploy/smoke.ts'
import { createFirstAdminKey, prepareKeys } from '../lib/deploy/stage-keys.ts'
import { commandName } from '../lib/stages/command-name.ts'
import type { StageSettings } from '../lib/stages/stage-schema.ts'

const ROOT = resolve(import.meta.dirname, '..')

function cdk(args: readonly string[]): number {
  const file = join(ROOT, 'node_modules/aws-cdk/bin/cdk')
  return spawnSync(process.execPath, [file, ...args], { cwd: ROOT, stdio: 'inherit' }).status ?? 1
}

/** Asks here because the CDK exits with code 0 after a "no", so that the steps after it would continue. */
async function confirm({ stage, isForced }: Command): Promise<void> {
  if (isForced) return
  if (!process.stdin.isTTY) throw new Error(`Nobody is here to ask. Add --force to destroy "${stage.name}".`)
  const question = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await question.question(`Everything in "${stage.name}" will be gone. Type its name: `)
  question.close()
  if (answer.trim() !== stage.name) throw new Error('Not destroyed.')
}

/** A run that only creates a template changes nothing outside this machine. */
const wantsKeys = ({ stage, runs }: Command): boolean =>
  stage.api.auth === 'keys' && !runs.flat().includes('--no-execute')

const showKey = (key: string | undefined): void => {
  if (key) console.log(`\nThe administrator's key of this stage, shown this once:\n\n  ${key}\n`)
}

/** Used after `cdk deploy` and after deployments by CI; creates the stage's first administrator key. */
async function adminKey({ stage, createsNewKey }: Command): Promise<number> {
  if (stage.api.auth !== 'keys')
    throw new Error(`Stage "${stage.name}" has no keys of its own: its api.auth is "${stage.api.auth}".`)
  if (process.env.CI)
    throw new Error('A job is no place to show a key: its output is kept, and read by many.')
  await prepareKeys(stage)
  const key = await createFirstAdminKey(stage, createsNewKey)
  if (!key) {
    console.error(
      `Stage "${stage.name}" has an administrator's key, and nobody can show it again. One more: npm run admin-key -- ${commandName(stage.name)} --new`,
    )
    return 1
  }
  if (process.stdout.isTTY) showKey(key)
  // Only the key, for a pipe into a secret store.
  else console.log(key)
  return 0
}

/** Runs a task on the deployed stage like a caller, because a canary sees nothing on a stage without callers. */
async function smoke(stage: StageSettings): Promise<number> {
  const { base, key, gatewayKey, end } = await smokeTarget(stage, process.env.TASKRUNNER_KEY)
  const { TASKRUNNER_PROFILE: _, ...env } = process.env
  const args = [
    join(ROOT, 'bin/taskrunner.ts'),
    '--base',
    process.env.TASKRUNNER_BASE ?? base,
    'doctor',
    '--try',
  ]
  const { status } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    stdio: 'inherit',
    // Not an argument, because arguments are visible in the list of processes.
    env: {
      ...env,
      TASKRUNNER_KEY: key,
      ...(gatewayKey === undefined ? {} : { TASKRUNNER_GATEWAY_KEY: gatewayKey }),
    },
  })
  await end()
  return status ?? 1
}

/** @throws Error when the deployment, or every task after it, would fail. */
async function lookFirst({ stage, hasPreflight, verb }: Command): Promise<void> {
  if (!hasPreflight) return
  const findings = await preflight(stage)
  for (const { level, says, todo } of findings)
    if (verb === 'preflight' || level !== 'ok')
      console.error(`${MARKS[level]} ${says}${todo ? `\n    ${todo}` : ''}`)
  if (findings.some(({ level }) => level === 'fail'))
    throw new Error(
      `Stage "${stage.name}" would not work here. npm run deploy -- ${stage.name} --skip-preflight deploys all the same.`,
    )
}
const MARKS = { ok: '✔', warn: '!', fail: '✘' } as const

async function run(command: Command): Promise<number> {
  const [first = [], second] = command.runs
  if (command.verb === 'destroy') await confirm(command)
  await lookFirst(command)
  if (command.verb === 'preflight') return 0
  if (command.verb === 'admin-key') return adminKey(command)
  if (command.verb === 'smoke') return smoke(command.stage)
  if (command.verb === 'deploy' && wantsKeys(command)) await prepareKeys(command.stage)
  const code = cdk(first)
  if (code === 0 && command.verb === 'deploy' && wantsKeys(command)) {
    // Output of CI jobs and of redirections is stored, so the key is not printed there.
    if (process.env.CI || !process.stdout.isTTY)
      console.log(
        `No administrator's key was made here. On your own machine: npm run admin-key -- ${commandName(command.stage.name)}`,
      )
    else showKey(await createFirstAdminKey(command.stage))
  }
  if (code !== 0 || !second) return code
  const deleted = await emptyBuckets(`TaskRunner-${command.stage.name}-stateful`)
  console.log(`${deleted} payload objects deleted`)
  return cdk(second)
}

try {
  process.exitCode = await run(readCommand(process.argv.slice(2)))
} catch (cause) {
  console.error((cause as Error).message)
  process.exitCode = 2
}

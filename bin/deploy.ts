/** `npm run deploy|diff|destroy -- <stage>`: all stacks of one stage. Further arguments go to the CDK. */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { type Command, readCommand } from '../lib/deploy/command.ts'
import { emptyBuckets } from '../lib/deploy/empty-bucket.ts'
import { prepareKeys, showAdminKey } from '../lib/deploy/stage-keys.ts'

const ROOT = resolve(import.meta.dirname, '..')

function cdk(args: readonly string[]): number {
  const file = join(ROOT, 'node_modules/aws-cdk/bin/cdk')
  return spawnSync(process.execPath, [file, ...args], { cwd: ROOT, stdio: 'inherit' }).status ?? 1
}

/** The CDK asks too, but a "no" there ends with code 0, which would look like a yes to what follows. */
async function confirm({ stage, isForced }: Command): Promise<void> {
  if (isForced) return
  if (!process.stdin.isTTY) throw new Error(`Nobody is here to ask. Add --force to destroy "${stage.name}".`)
  const question = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await question.question(`Everything in "${stage.name}" will be gone. Type its name: `)
  question.close()
  if (answer.trim() !== stage.name) throw new Error('Not destroyed.')
}

/** A template that is only made for looking at changes nothing outside. */
const wantsKeys = ({ stage, runs }: Command): boolean =>
  stage.api.auth === 'keys' && !runs.flat().includes('--no-execute')

async function run(command: Command): Promise<number> {
  const [first = [], second] = command.runs
  if (command.verb === 'destroy') await confirm(command)
  if (command.verb === 'deploy' && wantsKeys(command)) await prepareKeys(command.stage)
  const code = cdk(first)
  if (code === 0 && command.verb === 'deploy' && wantsKeys(command)) await showAdminKey(command.stage)
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

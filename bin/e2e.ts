/**
 * `npm run e2e`: the end-to-end suite against a running stage.
 *
 * `--base URL [--key K]` uses only HTTP; `--stage NAME [--endpoint URL]` finds a deployed stage through
 * CloudFormation and can also redrive and sweep.
 */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = resolve(import.meta.dirname, '..')

function run(): number {
  const { values } = parseArgs({
    options: {
      base: { type: 'string' },
      key: { type: 'string', default: process.env.TASKRUNNER_KEY ?? '' },
      stage: { type: 'string' },
      endpoint: { type: 'string' },
    },
  })
  const { base, key, stage, endpoint } = values
  if ((base === undefined) === (stage === undefined))
    throw new Error('Against what? npm run e2e -- --base URL [--key K], or --stage NAME [--endpoint URL].')
  const settings = {
    E2E_BASE: base?.replace(/\/+$/, '').replace(/\/api\/v1$/, '') ?? '',
    E2E_KEY: key,
    E2E_STAGE: stage ?? '',
    E2E_ENDPOINT: endpoint?.replace(/\/+$/, '') ?? '',
  }
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const { status } = spawnSync(
    process.execPath,
    [vitest, 'run', '--project', 'e2e-remote', '--reporter=verbose'],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...settings } },
  )
  return status ?? 1
}

try {
  process.exitCode = run()
} catch (cause) {
  console.error((cause as Error).message)
  process.exitCode = 2
}

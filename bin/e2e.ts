/**
 * `npm run e2e`: the end-to-end suite against what already runs.
 *
 * `--base URL [--key K]` uses HTTP alone; `--stage NAME [--endpoint URL]` finds a deployed stage through
 * CloudFormation and so can also redrive and sweep. `--start localstack` brings its own.
 */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = resolve(import.meta.dirname, '..')

function run(): number {
  const { values } = parseArgs({
    options: {
      base: { type: 'string' },
      key: { type: 'string', default: process.env.TASKRUNNER_API_KEY ?? '' },
      stage: { type: 'string' },
      endpoint: { type: 'string' },
      start: { type: 'string' },
    },
  })
  const { base, key, stage, endpoint, start } = values
  if ([base, stage, start].filter((value) => value !== undefined).length !== 1)
    throw new Error('Against what? npm run e2e -- --base URL [--key K], or --stage NAME [--endpoint URL].')
  if (start !== undefined && start !== 'localstack')
    throw new Error(`"${start}" cannot be started. Known: localstack.`)
  const settings = {
    E2E_SUITE: start ?? 'remote',
    E2E_BASE: base?.replace(/\/+$/, '').replace(/\/api\/v1$/, '') ?? '',
    E2E_KEY: key,
    E2E_STAGE: stage ?? '',
    E2E_ENDPOINT: endpoint?.replace(/\/+$/, '') ?? '',
  }
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const { status } = spawnSync(
    process.execPath,
    [vitest, 'run', '--project', `e2e-${settings.E2E_SUITE}`, '--reporter=verbose'],
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

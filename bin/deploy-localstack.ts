/** `npm run localstack:deploy`: bootstraps the emulator that `npm run localstack:up` started, then deploys stage `emulated` to it. */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const ENDPOINT = process.env.LOCALSTACK_ENDPOINT?.trim() || 'http://127.0.0.1:4566'

const env: NodeJS.ProcessEnv = {
  ...process.env,
  AWS_ENDPOINT_URL: ENDPOINT,
  AWS_ENDPOINT_URL_S3: ENDPOINT,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'eu-central-1',
  AWS_DEFAULT_REGION: 'eu-central-1',
}
// With a profile of the shell, calls could go to a real account.
delete env.AWS_PROFILE
delete env.AWS_SESSION_TOKEN

const node = (...args: string[]): number =>
  spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env }).status ?? 1

process.exitCode =
  node(
    join(ROOT, 'node_modules/aws-cdk/bin/cdk'),
    'bootstrap',
    'aws://000000000000/eu-central-1',
    '--no-notices',
  ) || node(join(ROOT, 'bin/deploy.ts'), 'deploy', 'emulated', '--require-approval', 'never')

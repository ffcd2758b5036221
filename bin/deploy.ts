/** `npm run deploy -- dev`: all stacks of one stage, in order. Further arguments go to `cdk deploy`. */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { loadStage } from '../lib/stages/load-stage.ts'

const ROOT = resolve(import.meta.dirname, '..')
const [name = '', ...rest] = process.argv.slice(2)

function deploy(): number {
  if (name === '' || name.startsWith('-')) throw new Error('Which stage? npm run deploy -- dev')
  const { name: stage } = loadStage(name)
  if (stage === 'local') throw new Error('Stage "local" runs on this machine: npm start')
  const cdk = join(ROOT, 'node_modules/aws-cdk/bin/cdk')
  const { status } = spawnSync(
    process.execPath,
    [cdk, 'deploy', `TaskRunner-${stage}/*`, '--no-notices', ...rest],
    {
      cwd: ROOT,
      stdio: 'inherit',
    },
  )
  return status ?? 1
}

try {
  process.exitCode = deploy()
} catch (cause) {
  console.error((cause as Error).message)
  process.exitCode = 2
}

import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { DEPLOYABLE } from '../../lib/stages/stage-schema.ts'

const root = resolve(import.meta.dirname, '../..')

// Bundles and synthesizes all of them: too slow for `npm run check`.
describe('the CDK command line', () => {
  it('lists every stack of every stage that may be deployed, without an account, and none of the open stages', async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        join(root, 'node_modules/aws-cdk/bin/cdk'),
        'list',
        '--no-notices',
        '--output',
        join(tmpdir(), `taskrunner-cdk-list-${process.pid}`),
      ],
      { cwd: root, env: { ...process.env, AWS_EC2_METADATA_DISABLED: 'true' } },
    )
    expect(stdout.match(/^TaskRunner-\S+/gm)).toEqual(
      DEPLOYABLE.flatMap((stage) =>
        ['stateful', 'stateless', 'observability'].map((stack) => `TaskRunner-${stage}/${stack}`),
      ),
    )
  })
})

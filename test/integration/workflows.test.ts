import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')
const FOLDER = join(ROOT, '.github/workflows')
const BIN = join(ROOT, '.taskrunner/actionlint-1.7.12')

const missing = await run('go', ['version']).then(
  () => undefined,
  () => 'go is not installed here',
)
if (missing) console.warn(`SKIPPED, actionlint: ${missing}.`)

it.skipIf(missing !== undefined)(
  'actionlint finds nothing in the workflows',
  async () => {
    if (!existsSync(join(BIN, 'actionlint')))
      await run('go', ['install', 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12'], {
        env: { ...process.env, GOBIN: BIN },
      })
    const files = (await readdir(FOLDER)).map((file) => join(FOLDER, file))
    expect(files.length).toBeGreaterThanOrEqual(3)
    const { stdout } = await run(join(BIN, 'actionlint'), files).catch((cause: { stdout?: string }) => ({
      stdout: cause.stdout || String(cause),
    }))
    expect(stdout).toBe('')
  },
  300_000,
)

it('the workflows run only scripts that exist', async () => {
  for (const file of await readdir(FOLDER)) {
    const text = readFileSync(join(FOLDER, file), 'utf8')
    const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name)
    expect([file, named.filter((name) => !(name in packageJson.scripts))]).toEqual([file, []])
  }
})

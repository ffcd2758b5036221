import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const SETUP = pathToFileURL(join(import.meta.dirname, '../fixtures/temp-root.setup.ts')).href

/** A run of tests in a separate process: two projects set it up, and a test leaves a folder. */
const run = (parent: string, end: string) =>
  promisify(execFile)(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { mkdtempSync } from 'node:fs'
       import { tmpdir } from 'node:os'
       import setup from '${SETUP}'
       setup(); setup()
       console.log(mkdtempSync(tmpdir() + '/left-'))
       ${end}`,
    ],
    { env: { ...process.env, TMPDIR: parent } },
  ).catch(({ stdout }: { stdout: string }) => ({ stdout }))

it('a run leaves nothing in the temporary folder, and removes what a killed run left there', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'temp-root-'))
  await mkdir(join(parent, `runner-tests-${process.pid}`))
  const { stdout } = await run(parent, 'process.kill(process.pid, "SIGKILL")')
  expect(stdout).toMatch(/runner-tests-\d+\/left-/)
  expect(await readdir(parent)).toHaveLength(2)
  await run(parent, '')
  // The folder of a run in progress, which is this one, is not removed.
  expect(await readdir(parent)).toEqual([`runner-tests-${process.pid}`])
})

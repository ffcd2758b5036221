import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { STAGE_NAMES } from '../../lib/stages/stage-schema.ts'
import { pythonEnvironment, pythonMissing } from '../e2e/emulators/run-emulator.ts'
import { assembleOf } from '../fixtures/templates.ts'

const missing = await pythonMissing()
if (missing) console.warn(`SKIPPED, cfn-lint: ${missing}.`)

/** The package cannot be run as a module, and its command contains the path of the folder it was installed in. */
const MAIN = 'import sys; from cfnlint.runner import main; sys.exit(main())'

const ROLE = resolve(import.meta.dirname, '../../.github/deploy-role.yaml')

/** @returns the linter's output. */
async function lint(...files: readonly string[]): Promise<string> {
  const directory = await pythonEnvironment('cfn-lint-1.58.0', ['cfn-lint==1.58.0'])
  const args = ['-c', MAIN, '--', ...files]
  const { stdout } = await promisify(execFile)(join(directory, 'bin/python'), args).catch(
    (cause: { stdout?: string }) => ({ stdout: cause.stdout || String(cause) }),
  )
  return stdout
}

/** AWS's own linter, with its own schemas of every resource: it finds templates that cannot be deployed, without an account. */
describe.skipIf(missing !== undefined)('cfn-lint', () => {
  // In one process: start and schemas take two of the seven seconds that it needs for a stage.
  it('finds nothing in the templates of any stage, nor in the role of deployments', async () => {
    const files = [ROLE]
    for (const name of STAGE_NAMES) {
      const assembly = assembleOf(name)
      const names = await readdir(assembly, { recursive: true })
      const templates = names.filter((file) => file.endsWith('.template.json'))
      expect([name, templates.length]).toEqual([name, 3])
      files.push(...templates.map((file) => join(assembly, file)))
    }
    expect(await lint(...files)).toBe('')
  })
})

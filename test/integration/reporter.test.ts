import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')
const STATE = join(ROOT, '.taskrunner/test')

const FILES = {
  'good.test.ts': `import { it } from 'vitest'\nit('passes', () => {})`,
  'lacking.test.ts': `import { it } from 'vitest'
console.warn('SKIPPED, what needs a harp: harp is not installed here.')
it('passes', () => {})
it.skipIf(true)('plays', () => {})`,
  'broken.test.ts': `throw new Error('cannot even load')`,
}

let folder: string
beforeAll(async () => {
  await mkdir(STATE, { recursive: true })
  folder = await mkdtemp(join(STATE, 'reporter-'))
  await Promise.all(Object.entries(FILES).map(([name, text]) => writeFile(join(folder, name), text)))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A run of its own, without this run's environment variables. */
async function run(file: string, env: Readonly<Record<string, string>>) {
  const counts = join(folder, `counts-${file}.json`)
  const clean = Object.entries(process.env).filter(([name]) => !/^(VITEST|CI$|TEST|NODE_ENV)/.test(name))
  const ended = await promisify(execFile)(
    process.execPath,
    [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--root',
      folder,
      `--reporter=${join(ROOT, 'test/reporter.ts')}`,
      file,
    ],
    { cwd: folder, env: { ...Object.fromEntries(clean), TEST_COUNTS: counts, ...env } },
  ).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
  )
  return { ...ended, counts: JSON.parse(await readFile(counts, 'utf8')) as object }
}

describe('the reporter', () => {
  it('prints its progress and the slowest files', async () => {
    const { code, stdout, counts } = await run('good', {})
    expect(code).toBe(0)
    expect(stdout).toMatch(/1\/1 {2}✓ good\.test\.ts {2}1 tests, \d+\.\d s/)
    expect(stdout).toContain('slowest files')
    expect(counts).toEqual({ passed: 1, failed: 0 })
  })

  it('prints what was skipped and why; in CI that is a failure', async () => {
    const alone = await run('lacking', {})
    expect(alone).toMatchObject({ code: 0, counts: { passed: 1, failed: 0 } })
    expect(alone.stdout).toContain('what needs a harp: harp is not installed here.')
    const inCi = await run('lacking', { CI: 'true' })
    expect(inCi).toMatchObject({ code: 1, counts: { passed: 1, failed: 1 } })
  })

  it('counts a file that cannot load as failed', async () => {
    expect(await run('broken', {})).toMatchObject({ code: 1, counts: { passed: 0, failed: 1 } })
  })
})

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'

const MODULE = new URL('../../bin/start/allocator.ts', import.meta.url).href
const SCRIPT = `
  const { restartWithFixedAllocator } = await import(${JSON.stringify(MODULE)})
  restartWithFixedAllocator()
  const { MALLOC_TRIM_THRESHOLD_: trim, MALLOC_ARENA_MAX: arenas, NODE_COMPILE_CACHE: cache } = process.env
  console.log(JSON.stringify({ pid: process.pid, trim, arenas, cache, args: process.argv.slice(2) }))`
const folder = mkdtempSync(join(tmpdir(), 'allocator-'))
const file = join(folder, 'start.mjs')
writeFileSync(file, SCRIPT)
afterAll(() => rmSync(folder, { recursive: true }))

function run(env: Readonly<Record<string, string>>) {
  const { pid, stdout, stderr } = spawnSync(process.execPath, [file, '--port', '0'], {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
  })
  return { pid, stderr, told: JSON.parse(stdout) }
}

it.runIf(process.platform === 'linux')(
  'a start sets the allocator of its own process, keeps process id and options, and prints nothing about it',
  () => {
    const { pid, stderr, told } = run({})
    expect(told).toEqual({
      pid,
      trim: '131072',
      arenas: '2',
      cache: expect.stringContaining('node_modules'),
      args: ['--port', '0'],
    })
    expect(stderr).toBe('')
  },
)

it('does not change settings of the user', () => {
  const { told } = run({ MALLOC_ARENA_MAX: '4' })
  expect(told).toMatchObject({ arenas: '4' })
  expect(told.trim).toBeUndefined()
})

it.runIf(process.platform === 'linux')('does not change the user’s own cache of compiled code', () => {
  expect(run({ NODE_COMPILE_CACHE: folder }).told.cache).toBe(folder)
})

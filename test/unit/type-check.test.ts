import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { TypeCheck } from '../../bin/start/type-check.ts'

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

it('a newer type check ends the one before it at once: the compiler would continue for its 10 s', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'types-'))
  const types = new TypeCheck(resolve(import.meta.dirname, '../..'), folder)
  try {
    types.start()
    const first = types.pid ?? 0
    // Long enough for it to start and handle signals.
    await new Promise((done) => setTimeout(done, 500))
    types.start()
    const second = types.pid ?? 0
    expect(second).not.toBe(first)
    await expect.poll(() => isAlive(first), { timeout: 2_000 }).toBe(false)
    expect(isAlive(second)).toBe(true)
    expect(types.stop()).toBe(true)
    await expect.poll(() => isAlive(second), { timeout: 2_000 }).toBe(false)
    expect([types.pid, types.stop()]).toEqual([undefined, false])
  } finally {
    types.stop()
    await rm(folder, { recursive: true, force: true })
  }
})

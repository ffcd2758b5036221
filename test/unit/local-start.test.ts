import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startAll } from '../../lib/local/emulator/services/start-services.ts'
import { startRuntime } from '../../lib/local/runtime.ts'
import { TASK_RUNNER } from '../../lib/task-runner.ts'

it('a service that fails to start stops the others, also one that starts later', async () => {
  const told: string[] = []
  const service = (name: string, afterMs: number) => async () => {
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    told.push(`${name} stands`)
    return { endpoint: name, stop: async () => void told.push(`${name} stops`) }
  }
  const start = async () => {
    await using stack = new AsyncDisposableStack()
    await startAll(
      {
        quick: service('quick', 0),
        broken: async () => {
          throw new Error('no place on the disk')
        },
        slow: service('slow', 20),
      },
      stack,
    )
  }
  await expect(start()).rejects.toThrow('no place on the disk')
  expect(told).toEqual(['quick stands', 'slow stands', 'slow stops', 'quick stops'])
})

it('a start without a usable assembly releases its ports and stops its services', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'local-start-'))
  const ports: string[] = []
  const start = startRuntime({
    product: TASK_RUNNER,
    assemblyDir: join(stateDir, 'nothing'),
    stateDir,
    port: 0,
    environmentLimit: 1,
    onServices: async (endpoints) => void ports.push(...Object.values(endpoints)),
  })
  await expect(start).rejects.toThrow('nothing')
  expect(ports).toHaveLength(6)
  for (const url of ports) expect([url, await isOpen(Number(new URL(url).port))]).toEqual([url, false])
  await rm(stateDir, { recursive: true, force: true })
})

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
    setTimeout(() => socket.destroy(), 1_000).unref()
  })

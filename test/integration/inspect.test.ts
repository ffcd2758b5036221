import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { Debugger } from '../fixtures/debugger.ts'
import { startProcess } from '../fixtures/running.ts'

it('npm start -- --inspect: a breakpoint in a task.ts stops there and shows the author’s variable names', async () => {
  const file = resolve(import.meta.dirname, '../../functions/tasks/example-run/task.ts')
  const lines = (await readFile(file, 'utf8')).split('\n')
  const line = lines.findIndex((text) => text.includes('progress((done / seconds)')) + 1
  const state = await mkdtemp(join(tmpdir(), 'inspect-'))
  const running = await startProcess(['--port', '0', '--inspect-port', '0'], {}, state)
  try {
    const debugging = await Debugger.attach(/attach to (\S+)\. /.exec(running.output())?.[1] ?? '')
    const pausing = debugging.breakIn(file, line)
    const client = new Client(running.url)
    const { id } = await client.submit({ type: 'example.run', input: { seconds: 1 } })
    const { place, names } = await pausing
    expect(place).toBe(`${file}:${line}`)
    expect(names).toEqual(expect.arrayContaining(['done', 'seconds', 'progress']))
    await debugging.resumeAll()
    expect((await client.done(id)).status).toBe('COMPLETED')
  } finally {
    await running.end('SIGTERM')
    await rm(state, { recursive: true, force: true })
  }
})

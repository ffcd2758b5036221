import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { prepareState, startProcess } from '../fixtures/running.ts'

it('the error for a damaged state file names it and says what to do, and nothing else is lost', async ({
  onTestFinished,
}) => {
  const state = await mkdtemp(join(tmpdir(), 'runner-damaged-'))
  onTestFinished(() => rm(state, { recursive: true, force: true }))
  await prepareState(state, {})
  const first = await startProcess(['--port', '0'], {}, state)
  const { id } = await new Client(first.url).submit({ type: 'example.add', input: { x: 1, y: 2 } })
  await new Client(first.url).done(id)
  await first.end('SIGTERM')

  for (const name of ['running.json', 'alarms.json', 'paused-sources.json', 'metrics.jsonl'])
    await writeFile(join(state, name), '{"cut of')
  const second = await startProcess(['--port', '0'], {}, state)
  for (const name of ['running.json', 'alarms.json', 'paused-sources.json'])
    expect(second.output()).toContain(join(state, name))
  expect(second.output()).not.toMatch(/^Unexpected end|\n\s+at /)
  expect((await new Client(second.url).get(`/tasks/${id}`)).body).toMatchObject({
    status: 'COMPLETED',
    result: 3,
  })
  await second.end('SIGTERM')

  const queues = join(state, 'sqs-s3/fauxqs.db')
  const sound = await readFile(queues)
  for (const damaged of [Buffer.from('no database'), sound.subarray(0, 10_000)]) {
    await writeFile(queues, damaged)
    const refused = startProcess(['--port', '0'], {}, state)
    await expect(refused).rejects.toThrow(join(state, 'sqs-s3'))
  }
  await writeFile(queues, sound)

  await writeFile(
    join(state, 'table/table.sqlite'),
    'no database at all, and longer than a header of one '.repeat(40),
  )
  const third = startProcess(['--port', '0'], {}, state)
  await expect(third).rejects.toThrow(join(state, 'table/table.sqlite'))
  await expect(third).rejects.toThrow('--fresh')
  const fresh = await startProcess(['--port', '0', '--fresh'], {}, state)
  expect((await new Client(fresh.url).get('/health')).status).toBe(200)
  await fresh.end('SIGTERM')
}, 120_000)

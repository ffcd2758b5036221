import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { livingOf, treeOf } from '../fixtures/process-tree.ts'
import { CLEAN, prepareState } from '../fixtures/running.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** Started by npm, as people do. No process is left after the test, whatever its result. */
async function startByNpm(script: 'start' | 'dev', isBare = false) {
  const state = await mkdtemp(join(tmpdir(), 'runner-signals-'))
  if (!isBare) await prepareState(state, {})
  const npm = spawn('npm', ['run', script, '--', '--port', '0'], {
    cwd: ROOT,
    env: { ...process.env, ...CLEAN, FORCE_COLOR: '0', TASKRUNNER_STATE: state },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, like a job of a terminal.
    detached: true,
  })
  let output = ''
  for (const stream of [npm.stdout, npm.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8')
    })
  const seen = new Set<number>()
  const look = async () => {
    const tree = await treeOf(npm.pid ?? 0)
    for (const { pid } of tree) seen.add(pid)
    return tree.map(({ command }) => command).join('\n')
  }
  onTestFinished(async () => {
    for (const pid of await livingOf([...seen])) process.kill(pid, 'SIGKILL')
    await rm(state, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  })
  return {
    npm,
    look,
    printed: (text: string | RegExp) => expect.poll(() => output, { timeout: 120_000 }).toMatch(text),
    url: () => `http://127.0.0.1:${/localhost:(\d+)\/api\/v1\n/.exec(output)?.[1]}`,
    left: async () => livingOf([...seen]),
  }
}

it.each([
  ['start', 'SIGTERM'],
  ['dev', 'SIGINT'],
  ['dev', 'SIGHUP'],
  ['start', 'SIGKILL'],
] as const)('npm run %s and %s in the middle of work: no process continues', async (script, signal) => {
  const { npm, look, printed, url, left } = await startByNpm(script)
  await printed(script === 'dev' ? 'Watching functions/' : /API .*\/api\/v1\n/)
  const client = new Client(url())
  const { id } = await client.submit({ type: 'example.run', input: { seconds: 30 } })
  await client.until(id, ({ status }) => status === 'PROCESSING')
  expect(await look()).toContain('environment-entry.mjs')
  // Ctrl-C sends the signal to the whole process group; other signals go to npm only.
  process.kill(signal === 'SIGINT' ? -(npm.pid ?? 0) : (npm.pid ?? 0), signal)
  await expect.poll(left, { timeout: 20_000 }).toEqual([])
})

it.each(['SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
  '%s during bundling: the bundler and the generator end, too',
  async (signal) => {
    const { npm, look, left } = await startByNpm('start', true)
    await expect.poll(look, { interval: 20 }).toContain('bin/generate.ts')
    npm.kill(signal)
    await expect.poll(left, { timeout: 5_000 }).toEqual([])
  },
)

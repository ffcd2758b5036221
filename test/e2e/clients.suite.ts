/** `npm run clients`: code generators of others make clients from the OpenAPI document, and the clients call the API. */
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_BASE } from '../../functions/contract.ts'
import { startTestRuntime } from '../fixtures/running.ts'
import { pythonEnvironment } from './emulators/run-emulator.ts'

const root = resolve(import.meta.dirname, '../..')
const hasPython = spawnSync('python3', ['-c', 'import venv']).status === 0
const run = promisify(execFile)

let running: Awaited<ReturnType<typeof startTestRuntime>>
let folder: string
let document: string
beforeAll(async () => {
  running = await startTestRuntime()
  folder = await mkdtemp(join(root, '.taskrunner', 'clients-'))
  document = join(folder, 'openapi.json')
  const text = await (await fetch(`${running.url}${API_BASE}/openapi.json`)).text()
  await writeFile(document, text.replace(`"url":"${API_BASE}"`, `"url":"${running.url}${API_BASE}"`))
})
afterAll(async () => {
  await running.stop()
  await rm(folder, { recursive: true, force: true })
})

const npx = (...args: string[]) =>
  run('npx', ['--yes', ...args], { cwd: folder, maxBuffer: 16 * 1024 * 1024 })

const TYPESCRIPT = `import type { components } from './schema.ts'

type Body = components['schemas']['TextRequest'] | components['schemas']['ExampleAddRequest']
const bodies: readonly Body[] = [{ prompt: 'hi' }, { type: 'example.add', input: { x: 20, y: 22 } }]
// @ts-expect-error x is a number
const wrong: Body = { type: 'example.add', input: { x: 'a', y: 2 } }
const base = process.argv[2]
const submit = async (body: Body): Promise<components['schemas']['Task']> => {
  const answer = await fetch(base + '/tasks', {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  })
  return (await answer.json()) as components['schemas']['Task']
}
for (const body of [...bodies, wrong]) console.log((await submit(body)).status)
`

/** The code on the page of `lib/client` runs unchanged. */
const page = readFileSync(join(root, 'lib/client/README.md'), 'utf8')
const blockOf = (language: string) =>
  new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)?.[1] ?? ''

describe('the OpenAPI document, used by tools of others', () => {
  it('passes Redocly’s recommended rules', async () => {
    const { stderr } = await npx('@redocly/cli@2', 'lint', document)
    expect(stderr).toContain('Your API description is valid')
  })

  it('makes a TypeScript client that compiles, catches a wrong field, and runs', async () => {
    await npx('openapi-typescript@7.13.0', document, '-o', 'schema.ts')
    await writeFile(join(folder, 'sample.ts'), TYPESCRIPT)
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const flags = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--types',
      'node',
    ]
    await run(process.execPath, [tsc, ...flags, '--allowImportingTsExtensions', join(folder, 'sample.ts')])
    const { stdout } = await run(process.execPath, [join(folder, 'sample.ts'), `${running.url}${API_BASE}`])
    // The last one is a problem document, whose status is a number.
    expect(stdout.trim().split('\n')).toEqual(['PENDING', 'PENDING', '422'])
  })

  it.skipIf(!hasPython)('makes a Python client that submits, reads and gets clear errors', async () => {
    const environment = await pythonEnvironment('openapi-python-client-0.29.1', [
      'openapi-python-client==0.29.1',
    ])
    const python = join(environment, 'bin/python')
    const generate = [
      'generate',
      '--path',
      document,
      '--output-path',
      join(folder, 'python'),
      '--meta',
      'none',
    ]
    await run(python, ['-m', 'openapi_python_client', ...generate])
    await run('mv', [join(folder, 'python'), join(folder, 'async_ai_task_runner_client')])
    await writeFile(join(folder, 'sample.py'), blockOf('python'))
    const { stdout } = await run(python, [join(folder, 'sample.py'), `${running.url}${API_BASE}`])
    expect(stdout.trim().split('\n')).toEqual(['COMPLETED True', 'prompt must not be empty.'])
  })
})

describe('the typed client', () => {
  it.each([
    ['Node', [process.execPath]],
    ['Deno', ['npx', '--yes', 'deno@2.9.6', 'run', '--allow-net', '--allow-env', '--no-lock']],
    ['Bun', ['npx', '--yes', 'bun@1.4.5']],
  ])('runs the page’s lines on %s', async (name, [command = '', ...flags]) => {
    const sample = join(folder, `${name}.ts`)
    await writeFile(sample, blockOf('ts').replace('./client.ts', join(root, 'lib/client/client.ts')))
    const { stdout } = await run(command, [...flags, sample, running.url], { cwd: folder })
    const lines = stdout.trim().split('\n')
    expect(lines.slice(-2)).toEqual(['COMPLETED', '42'])
    expect(lines.slice(0, -2).join('')).toContain('[simulated answer]')
  })
})

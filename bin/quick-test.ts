/** `npm run quick-test`: checks that a running stage works. `--base URL` and `--key KEY` for a deployed one. */

import { parseArgs, styleText } from 'node:util'
import { ApiError, createClient, StillRunningError, UnreachableError } from '../lib/client/client.ts'
import type { Task } from '../lib/client/types.ts'
import { readTarget } from './cli/profile.ts'
import { oneLine } from './cli/screen.ts'

const CONCURRENT = 10
const GIVE_UP_MS = 120_000

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    key: { type: 'string' },
    profile: { type: 'string' },
    model: { type: 'string' },
  },
})
// Chosen like in the CLI: the given address, the profile, or the stage that runs from this folder.
const { base, key, gatewayKey, source } = await readTarget(values, process.env).catch((cause: Error) => {
  console.error(styleText('red', cause.message))
  process.exit(2)
})

const client = createClient({ url: base, key, gatewayKey, retries: 0 })

async function finish({ id }: Pick<Task, 'id'>): Promise<Task> {
  const task = await client.tasks.wait(id, { timeoutMs: GIVE_UP_MS })
  if (task.status !== 'COMPLETED')
    throw new Error(`task ${id} is ${task.status}: ${task.error?.message ?? ''}`)
  return task
}

function reasonOf(cause: Error): string {
  if (cause instanceof UnreachableError)
    return `Nothing answers at ${base} (${source}). Is "npm start" running? Another stage: --base <url>. (${cause.reason})`
  if (cause instanceof ApiError && (cause.status === 401 || cause.status === 403))
    return `${cause.status}: this stage wants an API key. Give it with --key or TASKRUNNER_KEY.`
  if (cause instanceof StillRunningError)
    return `task ${cause.task.id} is still ${cause.task.status} after ${GIVE_UP_MS / 1_000} s`
  return cause.message
}

const tick = (text: string) => console.log(`${styleText('green', '✅')} ${text}`)
const model = values.model === undefined ? {} : { model: values.model }
const ask = (prompt: string) => client.tasks.submit('text.generate', { prompt }, model)

/** Runs the first example of each type, so that new types are tested without a change here. */
async function tryTypes(): Promise<void> {
  const { task_types: types } = await client.taskTypes()
  await Promise.all(
    types.map(async ({ name, uses_model, examples: [input] }) => {
      if (input === undefined) return console.log(`   ${name} has no example and is left out`)
      const task = await client.tasks
        .submitBody({ type: name, input, ...(uses_model ? model : {}) })
        .catch((cause: unknown) => {
          if (cause instanceof ApiError && cause.problem.errors?.[0]?.path === 'type') return undefined
          throw cause
        })
      if (!task) return console.log(`   ${name} is the stage's own and left out`)
      await finish(task).catch((cause: Error) => {
        throw new Error(`${name}: ${cause.message}`, { cause })
      })
      tick(name)
    }),
  )
}

/** Uploads a file directly to the bucket, and runs a task that reads it. */
async function tryUpload(): Promise<void> {
  const bytes = Buffer.from('city,people\nLyon,522250\nGhent,265086\n')
  const { body: upload } = await client.call('createUpload', {
    body: { content_type: 'text/csv', bytes: bytes.byteLength },
  })
  const put = await fetch(upload.url, { method: 'PUT', body: bytes, headers: { 'content-type': 'text/csv' } })
  if (!put.ok) throw new Error(`the upload was answered with ${put.status}`)
  const input = { file: { upload: upload.id }, narrative: false, charts: false }
  const { result } = await finish(await client.tasks.submit('data.analyze', input))
  const { rows } = result as { rows?: number }
  if (rows !== 2) throw new Error(`its table of two rows came out with ${rows}`)
  tick('A file uploaded, proven by its bytes, and read by a worker')
}

const checks: readonly [name: string, run: () => Promise<void>][] = [
  [
    'Health',
    async () => {
      const { status, version } = await client.health()
      if (status !== 'healthy') throw new Error(`health says ${status}`)
      tick(`The service is healthy: ${base}, version ${version}`)
    },
  ],
  [
    'Worker',
    async () => {
      const { result } = await finish((await client.call('submitAddition', { body: { x: 10, y: 20 } })).body)
      if (result !== 30) throw new Error(`10 + 20 came out as ${JSON.stringify(result)}`)
      tick('Sum worked out by a worker: 10 + 20 = 30')
    },
  ],
  [
    'Text task',
    async () => {
      const task = await ask('What is quantum computing?')
      tick(`Task submitted: ID=${task.id}, status=${task.status}`)
      const { result, usage } = await finish(task)
      if (typeof result !== 'string' || result.length === 0) throw new Error('its result is no text')
      tick(`Task completed: ${result.length} characters from "${usage?.provider}"`)
    },
  ],
  [
    'Ten at once',
    async () => {
      const startedAt = performance.now()
      const submitted = await Promise.all(
        Array.from({ length: CONCURRENT }, (_, index) => ask(`Concurrent task ${index + 1}`)),
      )
      const acceptedMs = performance.now() - startedAt
      if (new Set(submitted.map(({ id }) => id)).size !== CONCURRENT) throw new Error('two tasks have one id')
      await Promise.all(submitted.map(finish))
      tick(
        `${CONCURRENT} tasks at once: accepted in ${Math.round(acceptedMs)} ms, done in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`,
      )
    },
  ],
  ['Upload', tryUpload],
  ['Every type', tryTypes],
]

console.log(`🧪 Async AI Task Runner, quick test\n${'='.repeat(50)}`)
const results: [name: string, isGood: boolean][] = []
for (const [name, run] of checks) {
  const failure = await run().then(
    () => undefined,
    (cause: Error) => cause,
  )
  if (failure) console.log(`${styleText('red', '❌')} ${name}: ${oneLine(reasonOf(failure))}`)
  results.push([name, !failure])
  // Without an answer to the first check, all others would fail in the same way.
  if (failure && results.length === 1) break
}
console.log('📊 Results:')
for (const [name, isGood] of results)
  console.log(`  ${name.padEnd(12)} ${isGood ? '✅ passed' : '❌ failed'}`)
const isGood = results.every(([, good]) => good)
console.log(isGood ? '🎉 All tests passed. The system works.' : '💥 The system does not work as it should.')
process.exitCode = isGood ? 0 : 1

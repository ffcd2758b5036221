/** `npm run bench`: measures the local run and writes the tables of RESULTS.md. Nothing else should run meanwhile. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { bundleFunctions } from '../../lib/bundle.ts'
import { Client } from '../fixtures/client.ts'
import { startCountingProxy } from '../fixtures/counting-proxy.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { startProcess, startTestRuntime } from '../fixtures/running.ts'

const RESULTS = join(import.meta.dirname, 'RESULTS.md')
const sections: string[] = []
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

function table(
  title: string,
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): void {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  const text = [`## ${title}`, '', line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n')
  sections.push(text)
  console.log(text)
}

const quantile = (sorted: readonly number[], share: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1)

async function residentMb(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1_024)
}

/** Submissions that wait in the future: what is measured is the way in, not the workers beside it. */
async function submits(client: Client, concurrency: number, total: number) {
  const times: number[] = []
  let left = total
  const startedAt = performance.now()
  const caller = async () => {
    while (left > 0) {
      left -= 1
      const from = performance.now()
      await client.submit({ prompt: 'measured', model: 'simulated-fast', delay_seconds: 86_400 })
      times.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  const seconds = (performance.now() - startedAt) / 1_000
  const sorted = times.toSorted((a, b) => a - b)
  return [concurrency, total, quantile(sorted, 0.5), quantile(sorted, 0.99), Math.round(total / seconds)]
}

async function measureProcess(): Promise<void> {
  const server = await startModelServer()
  const state = await mkdtemp(join(tmpdir(), 'runner-bench-'))
  const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' }
  await (await startProcess(['--port', '0'], env, state)).end('SIGINT')
  const startedAt = performance.now()
  const running = await startProcess(['--port', '0'], env, state)
  const startSeconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  await sleep(3_000)
  const memory: (string | number)[][] = [['idle after start', await residentMb(running.child.pid)]]
  const client = new Client(running.url)
  await submits(client, 10, 200)
  const rows = []
  for (const [concurrency, total] of [
    [1, 500],
    [10, 1_000],
    [50, 2_000],
  ] as const)
    rows.push(await submits(client, concurrency, total))
  table('Submit', ['concurrent', 'requests', 'p50 ms', 'p99 ms', 'requests/s'], rows)

  const from = performance.now()
  const prompts = Array.from({ length: 200 }, (_, index) => `bench ${index}`)
  const tasks = await Promise.all(prompts.map((prompt) => client.submit({ prompt, model: 'stub-1000' })))
  const acceptedMs = performance.now() - from
  // The last to be asked decides; polling all of them would measure the polling.
  while (server.calls.filter(({ model }) => model === 'stub-1000').length < 200) await sleep(20)
  await Promise.all(tasks.map(({ id }) => client.done(id, 60_000)))
  const seconds = ((performance.now() - from) / 1_000).toFixed(1)
  const doubles = prompts.filter((prompt) => server.callsOf(prompt).length !== 1).length
  table(
    '200 tasks of one second each, sent at once',
    ['accepted ms', 'all done s', 'prompts not asked exactly once'],
    [[Math.round(acceptedMs), seconds, doubles]],
  )
  memory.push(['right after the burst', await residentMb(running.child.pid)])
  await sleep(45_000)
  memory.push(['45 s later', await residentMb(running.child.pid)])
  table('Memory of npm start', ['when', 'resident MB'], memory)
  table('Start', ['what', 's'], [['second start, nothing changed', startSeconds]])
  await running.end('SIGINT')
  await server.stop()
  await rm(state, { recursive: true, force: true })
}

async function measureCalls(): Promise<void> {
  const proxies: Awaited<ReturnType<typeof startCountingProxy>>[] = []
  const running = await startTestRuntime(
    {},
    {
      onServices: async ({ dynamodb, sqs, s3 }) => {
        for (const target of [dynamodb, sqs, s3]) proxies.push(await startCountingProxy(target))
      },
      functionEnv: () => ({
        AWS_ENDPOINT_URL_DYNAMODB: proxies[0]?.endpoint ?? '',
        AWS_ENDPOINT_URL_SQS: proxies[1]?.endpoint ?? '',
        AWS_ENDPOINT_URL_S3: proxies[2]?.endpoint ?? '',
      }),
    },
  )
  const client = new Client(running.url)
  await client.done((await client.submit({ prompt: 'first', model: 'simulated-fast' })).id)
  const kinds: readonly [string, Record<string, unknown>, number][] = [
    ['submit alone', { prompt: 'x', model: 'simulated-fast', delay_seconds: 600 }, 500],
    ['short task, start to end', { prompt: 'x', model: 'simulated-fast' }, 1_000],
    ['task of 6 s, with progress', { prompt: 'x', model: 'simulated-slow-6' }, 8_000],
    ['short task, prompt of 100 kB', { prompt: 'x'.repeat(100_000), model: 'simulated-fast' }, 1_500],
  ]
  const rows = []
  for (const [name, body, ms] of kinds) {
    for (const proxy of proxies) proxy.reset()
    await client.submit(body)
    await sleep(ms)
    rows.push([name, ...proxies.map((proxy) => told(proxy.counts()))])
  }
  table('AWS calls per task, a task alone in its batch', ['task', 'DynamoDB', 'SQS', 'S3'], rows)
  await measureBundles(running.plan.functions)
  await running.stop()
  for (const proxy of proxies) await proxy.stop()
}

const told = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([operation, count]) => `${count} ${operation}`)
    .join(', ') || '–'

interface Measured {
  readonly name: string
  readonly codeDirectory: string
  readonly environment: Readonly<Record<string, string>>
}

/** Time of `import` of the entry in a process of its own, the median of nine. */
async function measureBundles(functions: readonly Measured[]): Promise<void> {
  const outRoot = await mkdtemp(join(tmpdir(), 'runner-bundles-'))
  const reports = await bundleFunctions({ outRoot })
  const nameOf = {
    'api-writes': 'Writes',
    'api-reads': 'Reads',
    'api-public': 'Public',
    'api-operate': 'Operate',
    'api-flows': 'Flows',
    'api-mcp': 'Mcp',
    'api-events': 'Events',
    'api-keys': 'Keys',
    authorizer: 'Authorizer',
    'advance-workflow': 'AdvancerAdvance',
    'send-webhooks': 'WebhookSend',
    'run-task': 'laneaiWorker',
    sweep: 'SweeperSweep',
    'clean-up': 'CleanerCleanUp',
    'ops-view': 'OpsView',
    'ops-action': 'OpsAction',
  }
  const rows = []
  for (const { bundle, directory, coldBytes, codeBytes } of reports) {
    const item = functions.find(({ name }) => name === nameOf[bundle])
    const entry = pathToFileURL(join(directory, 'index.mjs')).href
    const script = `const t = performance.now(); await import(${JSON.stringify(entry)}); console.log(performance.now() - t); process.exit()`
    const times: number[] = []
    for (let round = 0; round < 9; round += 1) {
      const env = { ...process.env, ...item?.environment, AWS_REGION: 'eu-central-1' }
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
        env,
      })
      times.push(Number(stdout))
    }
    const sorted = times.toSorted((a, b) => a - b)
    rows.push([bundle, Math.round(coldBytes / 1_024), Math.round(codeBytes / 1_024), quantile(sorted, 0.5)])
  }
  table('Bundles', ['bundle', 'loaded at cold start, kB', 'all code, kB', 'import, ms'], rows)
  await rm(outRoot, { recursive: true, force: true })
}

await measureProcess()
await measureCalls()
const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}, ${process.platform}`
const date = new Date().toISOString().slice(0, 10)
await writeFile(
  RESULTS,
  `# Measured\n\nWritten by \`npm run bench\` on ${date}: ${machine}. Client, product and model server share the machine.\n\n${sections.join('\n')}`,
)

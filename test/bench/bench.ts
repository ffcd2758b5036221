/** `npm run bench`: measures the local run and writes the tables of RESULTS.md. Nothing else should run meanwhile. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { bundleFunctions } from '../../lib/bundle.ts'
import { Client } from '../fixtures/client.ts'
import { startCountingProxy } from '../fixtures/counting-proxy.ts'
import { startTestRuntime } from '../fixtures/running.ts'
import { measureFiles } from './files.ts'
import { addGoal, measureGoals } from './goals.ts'

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

/** Time of `import` of the entry in a separate process, the median of nine. */
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
    'api-data': 'Data',
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
    // The authorizer is not part of an open stage, and does not load without its environment variables.
    if (!item) continue
    const entry = pathToFileURL(join(directory, 'index.mjs')).href
    // The runtime's global object, which a function that streams its answer reads at import.
    const script = `globalThis.awslambda = { streamifyResponse: (handler) => handler, HttpResponseStream: {} }; const t = performance.now(); await import(${JSON.stringify(entry)}); console.log(performance.now() - t); process.exit()`
    const times: number[] = []
    for (let round = 0; round < 9; round += 1) {
      const env = { ...process.env, ...item.environment, AWS_REGION: 'eu-central-1' }
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
        env,
      })
      times.push(Number(stdout))
    }
    const sorted = times.toSorted((a, b) => a - b)
    if (bundle === 'api-writes') {
      addGoal('submit bundle, loaded at cold start', 'kB', coldBytes / 1_024, 320)
      addGoal('submit bundle, import', 'ms', Number(quantile(sorted, 0.5)), 30)
    }
    rows.push([bundle, Math.round(coldBytes / 1_024), Math.round(codeBytes / 1_024), quantile(sorted, 0.5)])
  }
  table('Bundles', ['bundle', 'loaded at cold start, kB', 'all code, kB', 'import, ms'], rows)
  await rm(outRoot, { recursive: true, force: true })
}

/** Of `npm ci`; its duration depends on the network. */
async function measureInstall(): Promise<void> {
  const folder = join(import.meta.dirname, '../../node_modules')
  const { stdout } = await promisify(execFile)('du', ['-sk', folder])
  addGoal('installed packages', 'MB', Number.parseInt(stdout, 10) / 1_024, 400)
}

const { rows: goals, load } = await measureGoals()
await measureCalls()
await measureInstall()
table(
  'Goals',
  ['what', 'measured', 'goal', ''],
  goals.map(({ what, measured, goal, isMet }) => [what, measured, goal, isMet ? 'met' : 'missed']),
)
table(
  'Large files, each read by a worker’s thread in a process of its own',
  ['file', 'MB', 's', 'peak MB of the process'],
  await measureFiles(),
)
const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}, ${process.platform}`
const date = new Date().toISOString().slice(0, 10)
await writeFile(
  RESULTS,
  `# Measured\n\nWritten by \`npm run bench\` on ${date}: ${machine}. Client, product and model server share the machine, whose load was ${load}.\n\n${sections.join('\n')}`,
)

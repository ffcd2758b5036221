/**
 * `npm run true-runtime`: every shipped bundle under Lambda's own runtime client and runtime interface emulator, against
 * the services of the local run. Smoke-tests each function and prints cold and warm times.
 *
 * On request only: the client is built from source (g++, make, cmake, and autoconf, automake, libtool for its bundled libraries)
 * and both are fetched into `.taskrunner/`. Linux only.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { delimiter, join, resolve } from 'node:path'
import { promisify, styleText } from 'node:util'
import type { FunctionPlan } from '../../lib/local/emulator/template/plan.ts'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')
const STATE = join(ROOT, '.taskrunner/true-runtime')
const CLIENT = 'aws-lambda-ric@4.0.2'
const EMULATOR_WHEEL = 'aws-sam-cli==1.170.0'
const EMULATOR = join(
  STATE,
  `wheel/samcli/local/rapid/aws-lambda-rie-${process.arch === 'arm64' ? 'arm64' : 'x86_64'}`,
)
const WARM_CALLS = 20

/** Downloads and builds what is missing. */
async function prepare(): Promise<void> {
  await mkdir(STATE, { recursive: true })
  if (!existsSync(join(STATE, 'node_modules/aws-lambda-ric/rapid-client.node'))) {
    console.log(`building ${CLIENT}, a minute`)
    await run('npm', ['install', '--prefix', STATE, '--no-audit', '--no-fund', '--no-save', CLIENT], {
      maxBuffer: 64 * 1024 * 1024,
    })
  }
  if (!existsSync(EMULATOR)) {
    console.log(`downloading the emulator from ${EMULATOR_WHEEL}`)
    const wheels = join(STATE, 'wheels')
    await run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', wheels, EMULATOR_WHEEL])
    const { stdout } = await run('sh', ['-c', `ls ${wheels}/*.whl`])
    await run('python3', ['-m', 'zipfile', '-e', stdout.trim(), join(STATE, 'wheel')])
    await rm(wheels, { recursive: true, force: true })
  }
  await chmod(EMULATOR, 0o755)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

interface Answer {
  readonly body: unknown
  readonly ms: number
}

/** One function under the emulator. Its first invocation starts the process of the runtime client. */
class TrueFunction {
  readonly #child: ChildProcess
  readonly #url: string
  output = ''

  static async start(plan: FunctionPlan, env: Readonly<Record<string, string>>): Promise<TrueFunction> {
    const [port, apiPort] = [await freePort(), await freePort()]
    const node = join(ROOT, 'node_modules/node/bin/node')
    const client = join(STATE, 'node_modules/aws-lambda-ric/index.mjs')
    const child = spawn(
      EMULATOR,
      [
        '--runtime-interface-emulator-address',
        `127.0.0.1:${port}`,
        '--runtime-api-address',
        `127.0.0.1:${apiPort}`,
        node,
        client,
        plan.handler,
      ],
      {
        cwd: plan.codeDirectory,
        env: {
          PATH: [join(ROOT, 'node_modules/node/bin'), process.env.PATH].join(delimiter),
          ...env,
          ...plan.environment,
          LAMBDA_TASK_ROOT: plan.codeDirectory,
          AWS_LAMBDA_FUNCTION_NAME: plan.functionName,
          AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(plan.memoryMb),
          AWS_LAMBDA_FUNCTION_TIMEOUT: String(plan.timeoutMs / 1_000),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    )
    const started = new TrueFunction(
      child,
      `http://127.0.0.1:${port}/2015-03-31/functions/function/invocations`,
    )
    for (const end = Date.now() + 10_000; Date.now() < end; ) {
      const isUp = await fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      )
      if (isUp) return started
      await new Promise((done) => setTimeout(done, 10))
    }
    throw new Error(`The emulator did not start:\n${started.output}`)
  }

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.#url = url
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.output = `${this.output}${chunk.toString('utf8')}`.slice(-20_000)
      })
  }

  async invoke(event: unknown): Promise<Answer> {
    const startedAt = performance.now()
    const response = await fetch(this.#url, { method: 'POST', body: JSON.stringify(event) })
    const body = await response.json()
    return { body, ms: performance.now() - startedAt }
  }

  stop(): void {
    if (this.#child.pid && this.#child.exitCode === null) process.kill(-this.#child.pid, 'SIGKILL')
  }
}

const proxyEvent = (httpMethod: string, resource: string, body?: object) => ({
  resource: `/api/v1${resource}`,
  path: `/api/v1${resource}`,
  httpMethod,
  headers: { 'content-type': 'application/json' },
  pathParameters: null,
  queryStringParameters: null,
  requestContext: { requestId: 'true-runtime', requestTimeEpoch: Date.now(), identity: {} },
  body: body ? JSON.stringify(body) : null,
  isBase64Encoded: false,
})
const answered = (status: number) => (body: unknown) =>
  (body as { statusCode?: number }).statusCode === status

interface Smoke {
  readonly event: unknown
  readonly isRight: (body: unknown) => boolean
}

await prepare()
const local = await startTestRuntime()
const client = new Client(local.url)
let failures = 0
try {
  // The worker under test takes the task, not the one of the local run.
  await client.post('/queues/demo/pause')
  await new Promise((done) => setTimeout(done, 1_000))
  const { id } = await client.submit({ type: 'example.add', input: { x: 20, y: 22 } })
  const record = {
    messageId: 'true-runtime',
    receiptHandle: 'none',
    body: JSON.stringify({ v: 1, tenant: 'default', id, epoch: 1 }),
    attributes: {},
    messageAttributes: {},
    eventSource: 'aws:sqs',
  }
  const isBatchDone = (body: unknown) => JSON.stringify(body) === '{"batchItemFailures":[]}'
  const smoke = (name: string): Smoke => {
    if (name.startsWith('lane')) return { event: { Records: [record] }, isRight: isBatchDone }
    if (name === 'Writes')
      return {
        event: proxyEvent('POST', '/tasks', { prompt: 'x', delay_seconds: 600 }),
        isRight: answered(202),
      }
    if (name === 'Reads') return { event: proxyEvent('GET', '/tasks'), isRight: answered(200) }
    if (name === 'Operate') return { event: proxyEvent('GET', '/queues'), isRight: answered(200) }
    if (name.startsWith('Ops'))
      return { event: {}, isRight: (body) => typeof body === 'string' && body.startsWith('<') }
    if (name === 'Public') return { event: proxyEvent('GET', '/health'), isRight: answered(200) }
    return { event: {}, isRight: (body) => typeof body === 'object' && !('errorType' in (body as object)) }
  }
  const env = {
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: local.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: local.credentials.secretAccessKey,
    AWS_ENDPOINT_URL_DYNAMODB: local.endpoints.dynamodb,
    AWS_ENDPOINT_URL_SQS: local.endpoints.sqs,
    AWS_ENDPOINT_URL_S3: local.endpoints.s3,
    AWS_ENDPOINT_URL_SSM: local.endpoints.ssm,
    AWS_ENDPOINT_URL_LAMBDA: local.endpoints.lambda,
  }
  console.log(styleText('dim', `${'function'.padEnd(24)}${'cold ms'.padStart(10)}${'warm ms'.padStart(10)}`))
  // The lane of the paused queue first: its call runs the task, and the other calls find it finished.
  const plans = local.plan.functions.toSorted(
    (a, b) => Number(b.name.includes('demo')) - Number(a.name.includes('demo')),
  )
  for (const plan of plans) {
    const target = await TrueFunction.start(plan, env)
    try {
      const { event, isRight } = smoke(plan.name)
      const cold = await target.invoke(event)
      const warm: number[] = []
      let isFine = isRight(cold.body)
      for (let call = 0; call < WARM_CALLS; call += 1) {
        const { body, ms } = await target.invoke(event)
        isFine &&= isRight(body)
        warm.push(ms)
      }
      const median = warm.toSorted((a, b) => a - b)[WARM_CALLS / 2] ?? 0
      const line = `${plan.name.padEnd(24)}${cold.ms.toFixed(0).padStart(10)}${median.toFixed(1).padStart(10)}`
      console.log(
        isFine
          ? line
          : styleText(
              'red',
              `${line}  ${JSON.stringify(cold.body).slice(0, 300)}\n${target.output.slice(-1_500)}`,
            ),
      )
      if (!isFine) failures += 1
    } finally {
      target.stop()
    }
  }
  const { body } = await client.get(`/tasks/${id}`)
  if (body.status !== 'COMPLETED' || body.result !== 42) {
    failures += 1
    console.log(
      styleText('red', `the task that the worker ran is ${body.status}: ${JSON.stringify(body.result)}`),
    )
  } else console.log('the worker under the true runtime completed a task: 20 + 22 = 42')
} finally {
  await local.stop()
}
process.exit(failures > 0 ? 1 : 0)

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DynamoDBClient, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { DeleteQueueCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { METRICS, type MetricDefinition } from '../../functions/metrics.ts'
import { Client } from '../fixtures/client.ts'
import { namedMetrics } from '../fixtures/dashboards.ts'
import { type LogLine, readLogs } from '../fixtures/function-logs.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { assemblyOf, openSqs, startTestRuntime } from '../fixtures/running.ts'
import { startReceiver } from '../fixtures/webhook-world.ts'

let server: Awaited<ReturnType<typeof startModelServer>>
let runtime: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
/** A receiver of webhooks that answers 410, which means gone. */
let gone: Awaited<ReturnType<typeof startReceiver>>
let env: Record<string, string>

beforeAll(async () => {
  server = await startModelServer()
  gone = await startReceiver()
  gone.answerWith((_request, response) => response.writeHead(410).end())
  env = {
    OPENAI_BASE_URL: server.openaiUrl,
    OPENAI_MODELS: 'stub-*',
    TENANT_LIMITS: '{"budget": {"usdPerDay": 1000, "unknownUsdPerMillionTokens": 0}}',
  }
  runtime = await startTestRuntime(env)
  client = new Client(runtime.url)
})
afterAll(async () => {
  await runtime.stop()
  await server.stop()
  await gone.stop()
})

const sweep = () => runtime.pool('SweeperSweep').invoke({})
const view = async (event: object) => String(await runtime.pool('OpsView').invoke(event))
const act = async (event: object) => String(await runtime.pool('OpsAction').invoke(event))

/** Gives the row of a running task to another worker. */
async function stealLease(id: string): Promise<void> {
  const dynamo = new DynamoDBClient({
    endpoint: runtime.endpoints.dynamodb,
    region: 'eu-central-1',
    credentials: runtime.credentials,
  })
  const TableName = runtime.plan.tables[0]?.name
  const { Items = [] } = await dynamo.send(new ScanCommand({ TableName }))
  const row = Items.find((item) => item.id?.S === id || item.pk?.S?.endsWith(id))
  if (!row) throw new Error(`no row of ${id}`)
  await dynamo.send(
    new UpdateItemCommand({
      TableName,
      Key: { pk: row.pk ?? { S: '' }, sk: row.sk ?? { S: '' } },
      UpdateExpression: 'SET #t = :t',
      ExpressionAttributeNames: { '#t': 'token' },
      ExpressionAttributeValues: { ':t': { S: 'somebody-else' } },
    }),
  )
  dynamo.destroy()
}

describe('the task table of the dashboard', () => {
  const FORBIDDEN = /<(script|iframe|use|object|embed|link|style)\b|<[^>]*\son\w+=|javascript:/i

  it('shows lanes, running and failed tasks, in HTML that CloudWatch allows', async () => {
    await client.done((await client.submit({ prompt: 'shown', model: 'stub-401' })).id)
    const text = await view({})
    expect(text).not.toMatch(FORBIDDEN)
    for (const lane of ['ai', 'documents', 'demo', 'email', 'urgent'])
      expect(text).toContain(`<b>${lane}</b>`)
    expect(text).toContain('provider_unauthorized')
    expect(await runtime.pool('OpsView').invoke({ describe: true })).toMatchObject({
      markdown: expect.stringContaining('Tasks and queues'),
    })
  })

  it('escapes all text of callers', async () => {
    const evil = '<img src=x onerror=alert(1)>"\'</td>'
    const { id } = await client.submit({ prompt: evil, model: 'stub-0', tags: ['<b>tag'] })
    await client.done(id)
    const text = await view({ view: 'task', tenant: 'default', id })
    expect(text).not.toMatch(FORBIDDEN)
    expect(text).not.toContain('<img')
    expect(text).toContain('&lt;img src=x')
    expect(text).toContain('&lt;b&gt;tag')
    expect(await view({ view: 'task', tenant: '"><script>', id: '<script>' })).not.toMatch(FORBIDDEN)
  })

  it('finds tasks by the id, status, type and tag typed into its form', async () => {
    const { id } = await client.submit({ type: 'example.add', input: { x: 20, y: 22 }, tags: ['findme'] })
    await client.done(id)
    const search = (all: Record<string, string>) =>
      view({ view: 'search', tenant: 'default', widgetContext: { forms: { all } } })
    const found = await search({ task_id: id })
    for (const text of [`Task ${id}`, 'It completed at', 'attempt 1', `npx taskrunner logs --task ${id}`])
      expect(found).toContain(text)
    expect(await search({ tag: 'findme' })).toContain(id)
    expect(await search({ status: 'COMPLETED', type: 'example.add' })).toContain(id)
    expect(await search({ status: 'FAILED', type: 'example.add' })).not.toContain(id)
    expect(await search({ tag: 'findme', lane: 'demo', minutes: '60' })).toContain(id)
    expect(await search({ tag: 'findme', lane: 'ai' })).not.toContain(id)
    expect(await search({ task_id: 'nosuch' })).toContain('There is no task nosuch')
  })

  it('has buttons that ask for confirmation, and act through the other function', async () => {
    const { id } = await client.submit({ prompt: 'button', model: 'stub-401' })
    await client.done(id)
    const text = await view({ view: 'task', tenant: 'default', id })
    const [, attributes = '', json = ''] =
      /<cwdb-action ([^>]*confirmation=[^>]*)>([^<]*)<\/cwdb-action>/.exec(text) ?? []
    expect(attributes).toContain('OpsAction')
    const event = JSON.parse(json.replaceAll('&quot;', '"'))
    expect(event).toMatchObject({ action: 'retry', id })
    expect(await act(event)).toContain('runs again (epoch 2)')
    expect(await client.done(id)).toMatchObject({ epoch: 2 })
    expect(await act({ action: 'cancel', tenant: 'default', id })).toContain('Nothing was done')
    expect(await act({ action: 'redrive', tenant: 'default', lane: 'ai', dry_run: true })).toMatch(
      /\d+ failed tasks of lane ai would run again \(.*provider_unauthorized: \d+.*\)\. Nothing was moved\./,
    )
    expect(await act({ action: 'pause', lane: 'email' })).toContain('takes no more work')
    expect(await view({})).toContain('<b>email</b> (paused)')
    expect(await act({ action: 'resume', lane: 'email' })).toContain('takes work again')
    expect(await act({ action: 'pause', lane: 'nolane' })).toContain('There is no lane')
    expect(await act({ action: 'drop everything' })).toContain('Nothing was done')
  })
})

describe('a trace', () => {
  const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
  const traceparent = `00-${TRACE_ID}-00f067aa0ba902b7-01`

  it('continues from the request through the queue and every step to the provider, also in the next epoch', async () => {
    const body = { prompt: 'traced', model: 'stub-401' }
    const { body: task } = await client.call<{ id: string; trace_id: string }>('POST', '/tasks', body, {
      traceparent,
    })
    expect(task.trace_id).toBe(TRACE_ID)
    await client.done(task.id)
    await client.post(`/tasks/${task.id}/retry`)
    await client.until(task.id, ({ status, epoch }) => status === 'FAILED' && epoch === 2)
    const calls = server.callsOf('traced').map((call) => call.traceparent ?? '')
    expect(calls).toHaveLength(2)
    for (const call of calls) expect(call).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-01$`))
    expect(new Set([traceparent, ...calls]).size).toBe(3)
    const messages = (await readLogs(runtime.stateDir))
      .map(({ message }) => message)
      .filter((message) => message?.task_id === task.id)
    expect(messages.map((message) => message?.event)).toEqual(
      expect.arrayContaining([
        'task.submitted',
        'task.claimed',
        'model.failed',
        'task.failed',
        'task.dead_lettered',
        'task.restarted',
      ]),
    )
    for (const message of messages)
      expect(message).toMatchObject({
        trace_id: TRACE_ID,
        lane: 'ai',
        epoch: expect.any(Number),
        attempt: expect.any(Number),
      })
    const spans = messages.filter((message) => message?.event === 'model.failed')
    expect(spans.map((message) => message?.span_id).sort()).toEqual(
      calls.map((call) => call.slice(36, 52)).sort(),
    )
    const sqs = openSqs(runtime.endpoints.sqs, runtime.credentials)
    const received = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: runtime.plan.queues.find(({ name }) => name.includes('deadlettersai'))?.url,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 1,
      }),
    )
    sqs.destroy()
    expect(received.Messages?.map(({ Body }) => JSON.parse(Body ?? ''))).toContainEqual(
      expect.objectContaining({ id: task.id, trace: traceparent }),
    )
  })

  it('is made for a task without a header, and for one with an invalid header', async () => {
    for (const headers of [{}, { traceparent: 'not one' }]) {
      const body = { type: 'example.add', input: { x: 1, y: 2 } }
      const { status, body: task } = await client.call<{ trace_id: string }>('POST', '/tasks', body, headers)
      expect(status).toBe(202)
      expect(task.trace_id).toMatch(/^[0-9a-f]{32}$/)
      expect(task.trace_id).not.toBe(TRACE_ID)
    }
  })
})

describe('metrics', () => {
  let lines: readonly LogLine[]
  const asText = ({ name, unit }: Pick<MetricDefinition, 'name' | 'unit'>, set: readonly string[]) =>
    `TaskRunner/local ${name} ${unit} [${[...set].sort().join()}]`
  /** A zero without meaning is not a metric of the line, but its value is in the line. */
  const unsentZeros = () =>
    (METRICS as readonly MetricDefinition[])
      .filter(({ skipsZero, events, value = '' }) =>
        lines.some(
          ({ message }) => skipsZero && events.includes(String(message?.event)) && message?.[value] === 0,
        ),
      )
      .flatMap((metric) => metric.dimensions.map((set) => asText(metric, set)))
  const emitted = () =>
    new Set(
      lines
        .flatMap(({ _aws }) =>
          (_aws?.CloudWatchMetrics ?? []).flatMap(({ Namespace, Dimensions, Metrics }) =>
            Metrics.flatMap(({ Name, Unit }) =>
              Dimensions.map((set) => `${Namespace} ${Name} ${Unit} [${[...set].sort().join()}]`),
            ),
          ),
        )
        .concat(unsentZeros()),
    )

  beforeAll(async () => {
    const priced = await client.submit({ prompt: 'priced', model: 'gpt-4o-mini' })
    const retried = await client.submit({ prompt: 'retried', model: 'stub-429-once' })
    const failed = await client.submit({ prompt: 'failed', model: 'stub-401' })
    const declined = await client.submit({ prompt: 'declined', model: 'stub-refused' })
    const told = await client.submit({ prompt: 'told', model: 'stub-50', webhook: { url: gone.url } })
    const cancelled = await client.submit({ type: 'example.run', input: { name: 'long', seconds: 30 } })
    const stolen = await client.submit({ prompt: 'stolen', model: 'stub-8000-once' })
    const add = { type: 'example.add', input: { x: 1, y: 2 } }
    const wait = { signal: 'none', timeout_seconds: 1 }
    for (const [path, body] of [
      ['/workflows', { chain: [add] }],
      ['/workflows', { chain: [{ wait }] }],
      ['/schedules', { at: new Date(Date.now() + 5_000).toISOString(), task: add }],
    ] as const)
      expect([201, 202]).toContain((await client.post(path, body)).status)
    await client.until(cancelled.id, ({ status }) => status === 'PROCESSING')
    await client.post(`/tasks/${cancelled.id}/cancel`)
    await client.until(stolen.id, ({ status }) => status === 'PROCESSING')
    await stealLease(stolen.id)
    // An idle lane: a worker with free slots sees a pause only within five seconds.
    await client.post('/queues/urgent/pause')
    const late = await client.submit({
      type: 'example.add',
      input: { x: 1, y: 2 },
      priority: 9,
      expires_in_seconds: 1,
    })
    for (const { id } of [priced, retried, failed, declined, told]) await client.done(id)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await sweep()
    await client.done(late.id)
    await client.post('/queues/urgent/resume')
    server.trouble = 503
    await Promise.all(
      Array.from({ length: 6 }, (_, index) => client.submit({ prompt: `down ${index}`, model: 'stub-0' })),
    )
    // A missing queue, as on a stage that is only partly deployed.
    const sqs = openSqs(runtime.endpoints.sqs, runtime.credentials)
    const documents = runtime.plan.queues.find(({ name }) => name.endsWith('local-documents'))
    await sqs.send(new DeleteQueueCommand({ QueueUrl: documents?.url }))
    sqs.destroy()
    await client.submit({
      type: 'document.process',
      input: { text: 'A text of some words.' },
      max_cost_usd: 900,
    })
    const isSeen = (key: string, value: string) => lines.some(({ message }) => message?.[key] === value)
    do {
      await new Promise((resolve) => setTimeout(resolve, 500))
      lines = await readLogs(runtime.stateDir)
    } while (
      !isSeen('event', 'circuit.opened') ||
      !isSeen('event', 'workflow.completed') ||
      !isSeen('event', 'workflow.failed') ||
      !isSeen('event', 'schedule.fired') ||
      !isSeen('event', 'task.parked') ||
      !isSeen('event', 'webhook.failed') ||
      !isSeen('code', 'lease_lost') ||
      !isSeen('code', 'misconfigured')
    )
    server.trouble = undefined
  })

  it('are all emitted, with their units and dimensions', () => {
    const promised = (METRICS as readonly MetricDefinition[]).flatMap((metric) =>
      metric.dimensions.map((set) => asText(metric, set)),
    )
    expect(promised.filter((metric) => !emitted().has(metric))).toEqual([])
    expect([...emitted()].filter((metric) => !promised.includes(metric))).toEqual([])
  })

  it('include every metric that a dashboard or an alarm of the template names', async () => {
    const folder = join(await assemblyOf(env), 'assembly-TaskRunner-local')
    const file = readdirSync(folder).find((name) => /observability.*\.template\.json$/.test(name)) ?? ''
    const named = namedMetrics(JSON.parse(readFileSync(join(folder, file), 'utf8')))
      .filter(({ namespace }) => namespace.startsWith('TaskRunner'))
      .map(({ namespace, name, dimensions }) => ({
        name: `${namespace} ${name}`,
        set: `[${dimensions
          .map(([key]) => key)
          .sort()
          .join()}]`,
      }))
    expect(named.length).toBeGreaterThan(50)
    const known = [...emitted()]
    const dark = named.filter(
      ({ name, set }) => !known.some((metric) => metric.startsWith(`${name} `) && metric.endsWith(set)),
    )
    expect(dark).toEqual([])
  })

  it('contain numbers and short labels, never a tenant, an id or a prompt', () => {
    for (const { _aws, ...line } of lines)
      for (const { Dimensions, Metrics } of _aws?.CloudWatchMetrics ?? []) {
        for (const { Name } of Metrics) expect(line[Name]).toEqual(expect.any(Number))
        for (const label of Dimensions.flat()) expect(line[label]).toMatch(/^[a-z][\w.-]{0,40}$/)
      }
    expect(JSON.stringify(lines)).not.toContain('priced"')
  })
})

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { join } from 'node:path'
import { type AlarmChange, type AlarmStatus, AlarmWatch, toAlarmMemory } from '../cloudwatch/alarm-watch.ts'
import { Collector } from '../cloudwatch/collector.ts'
import { viewDashboard } from '../cloudwatch/dashboard-view.ts'
import { LogStore } from '../cloudwatch/log-store.ts'
import { MetricStore } from '../cloudwatch/metric-store.ts'
import type { Deployment } from '../emulator/deployment.ts'
import type { Observer } from '../emulator/observer.ts'
import { replaceFile } from '../emulator/replace-file.ts'
import type { QueueDepthSample } from '../emulator/services/orders.ts'
import { readOutbox } from '../emulator/services/outbox.ts'
import { readStateFile } from '../emulator/state-file.ts'
import type { Plan } from '../emulator/template/plan.ts'
import type { LocalProduct } from '../product.ts'
import { loadAsset, loadRunbook, pageOf, toPage } from './assets.ts'
import { toArticles } from './outbox-page.ts'
import { TaskIndex, type TaskQuery } from './task-index.ts'
import { refusedFor, type Visitor, visitorOf } from './visitor.ts'

export interface ConsoleOptions {
  readonly product: LocalProduct
  readonly stateDir: string
  /** The running deployment; undefined before the first. */
  readonly deployment: () => Deployment | undefined
  /** Address of the API, with its base path. */
  readonly api: () => string
  readonly look: (queues: readonly string[]) => Promise<readonly QueueDepthSample[]>
  /** Called when an alarm starts or ends. */
  readonly tell: (text: string, isBad: boolean) => void
}

interface OwnTasks {
  readonly index: TaskIndex
  /** Headers of this tenant's latest user. */
  headers: Visitor['headers']
}

const BASE = '/console'
const LOOK_EVERY_MS = 5_000
const BODY_BYTES = 256 * 1024

/**
 * The local counterpart of CloudWatch, at `/console`: the template's own dashboards and alarms with live data, logs,
 * environments, timers and the runbook.
 */
export class LocalConsole {
  readonly observer: Observer
  readonly #options: ConsoleOptions
  readonly #metrics: MetricStore
  readonly #logs = new LogStore()
  readonly #collector: Collector
  readonly #alarms: AlarmWatch
  /** Tasks of each tenant whose users look at the console, read with the tenant's own key. */
  readonly #tasks = new Map<string, OwnTasks>()
  #timer: NodeJS.Timeout | undefined
  #savedAt = 0

  constructor(options: ConsoleOptions) {
    this.#options = options
    this.#metrics = new MetricStore(join(options.stateDir, 'metrics.jsonl'))
    this.#collector = new Collector(this.#metrics, this.#logs, (entry) => {
      for (const { index } of this.#tasks.values()) index.heard(entry)
    })
    this.observer = this.#collector
    this.#alarms = new AlarmWatch({
      metrics: this.#metrics,
      labels: options.product,
      startedAt: Date.now(),
      tell: (change, status) => this.#tell(change, status),
    })
  }

  /** Reads the metrics and logs of earlier runs. */
  async load(): Promise<void> {
    const complain = (cause: Error) => this.#complain(cause)
    await Promise.all([
      this.#recall().catch(complain),
      this.#metrics.load(Date.now()).catch(complain),
      this.#logs.load(join(this.#options.stateDir, 'logs')).catch(complain),
    ])
  }

  start(): void {
    const look = () =>
      this.#look()
        .catch((cause: Error) => this.#complain(cause))
        .finally(() => {
          if (this.#timer) this.#timer = setTimeout(look, LOOK_EVERY_MS).unref()
        })
    this.#timer = setTimeout(look, 0)
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#save(Date.now()).catch((cause: Error) => this.#complain(cause))
  }

  /** Uses this template from now on. */
  watch(plan: Plan): void {
    this.#collector.watch(plan)
  }

  /** @returns false for requests that are not for the console. */
  handle(request: IncomingMessage, response: ServerResponse, url: URL): boolean {
    const { pathname } = url
    if (pathname !== BASE && !pathname.startsWith(`${BASE}/`)) return false
    this.#answer(request, response, url).catch((cause: Error) => {
      if (response.headersSent) response.destroy()
      else refuse(response, 500, cause.message)
    })
    return true
  }

  #tasksOf({ tenant, headers }: Visitor): TaskIndex {
    const seen = this.#tasks.get(tenant)
    if (seen) {
      seen.headers = headers
      return seen.index
    }
    const own: OwnTasks = { headers, index: new TaskIndex((path) => this.#ask(path, own.headers)) }
    this.#tasks.set(tenant, own)
    return own.index
  }

  async #ask<Answer>(path: string, headers: Visitor['headers']): Promise<Answer> {
    const response = await fetch(`${this.#options.api()}${path}`, { headers })
    if (!response.ok) throw new Error(`The API answered ${response.status} to ${path.split('?')[0]}.`)
    return (await response.json()) as Answer
  }

  #complain(cause: Error): void {
    this.#options.tell(`Console: ${cause.message}`, true)
  }

  async #look(): Promise<void> {
    const deployment = this.#options.deployment()
    if (!deployment) return
    const { queues, alarms } = deployment.plan
    this.#collector.saw(await this.#options.look(queues.map(({ name }) => name)))
    const now = Date.now()
    this.#alarms.evaluate(alarms, now)
    if (now - this.#savedAt < 60_000) return
    this.#savedAt = now
    await this.#save(now)
  }

  async #save(now: number): Promise<void> {
    await this.#metrics.save(now)
    await replaceFile(this.#memoryPath, JSON.stringify(this.#alarms.memory))
  }

  async #recall(): Promise<void> {
    try {
      const text = await readStateFile(this.#memoryPath)
      if (text !== undefined) this.#alarms.restore(toAlarmMemory(text))
    } catch (cause) {
      throw new Error(
        `${this.#memoryPath} is damaged (${(cause as Error).message}): alarms begin anew, and it is written again within a minute.`,
        { cause },
      )
    }
  }

  get #memoryPath(): string {
    return join(this.#options.stateDir, 'alarms.json')
  }

  async #answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const deployment = this.#options.deployment()
    if (!deployment) return sendStarting(request, response, this.#options.product)
    const path = url.pathname.slice(BASE.length).replace(/\/$/, '') || '/'
    const { product } = this.#options
    const visitor = await visitorOf(request, deployment, product.region)
    if (path === '/call') {
      const refused = 'status' in visitor ? visitor : refusedFor(visitor, 'ops:write')
      return refused
        ? refuse(response, refused.status, refused.message)
        : this.#call(request, response, deployment)
    }
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return refuseMethod(request, response, path, 'GET, HEAD')
    const page = pageOf(path, product)
    if (page) {
      // Without a key the page asks for one, because page requests carry no key.
      const hasMails = path === '/outbox' && !('status' in visitor) && !refusedFor(visitor, 'ops:read')
      const content = hasMails ? toArticles(await readOutbox(join(this.#options.stateDir, 'outbox'))) : ''
      return sendText(response, 'text/html; charset=utf-8', toPage(page, product, content))
    }
    const asset = await loadAsset(path)
    if (asset) return sendText(response, asset.type, asset.text)
    const scope = /^\/data\/(tasks|task-ids|facets)$/.test(path) ? 'tasks:read' : 'ops:read'
    const refused = 'status' in visitor ? visitor : refusedFor(visitor, scope)
    if (refused || 'status' in visitor) return refuse(response, refused?.status ?? 401, refused?.message)
    const data = await this.#data(path, url.searchParams, deployment, visitor)
    return data === undefined
      ? refuse(response, 404, `The console has no ${path}.`)
      : send(response, 200, data)
  }

  async #data(
    path: string,
    query: URLSearchParams,
    deployment: Deployment,
    visitor: Visitor,
  ): Promise<unknown> {
    const { plan } = deployment
    const now = Date.now()
    switch (path) {
      case '/data/dashboard': {
        const index = Number(query.get('index') ?? 0)
        const dashboard = plan.dashboards[index]
        if (!dashboard) return undefined
        const minutes = Math.min(1_440, Math.max(5, Number(query.get('minutes')) || 60))
        const sources = { plan, metrics: this.#metrics, logs: this.#logs, alarms: this.#alarms.statuses }
        return viewDashboard(dashboard, sources, { from: now - minutes * 60_000, to: now })
      }
      case '/data/alarms':
        return { now, alarms: this.#alarms.statuses, changes: this.#alarms.changes }
      case '/data/logs': {
        const after = Number(query.get('after')) || 0
        const from = query.get('from') || undefined
        const text = query.get('text') || undefined
        return {
          names: plan.functions.map(({ name }) => name),
          lines: this.#logs.find({ from, text, after, isError: query.has('errors'), limit: 500 }),
        }
      }
      case '/data/tasks':
        return this.#tasksOf(visitor).find(toQuestion(query))
      case '/data/task-ids':
        return this.#tasksOf(visitor).ids(toQuestion(query))
      case '/data/facets':
        return this.#tasksOf(visitor).facets()
      case '/data/functions':
        return describe(deployment, now, this.#options.product)
      case '/data/runbook':
        return { html: await loadRunbook(this.#options.product.runbook) }
    }
  }

  /** The action of a custom widget's element: calls a function that a dashboard, or its function's environment, names. */
  async #call(request: IncomingMessage, response: ServerResponse, deployment: Deployment): Promise<void> {
    // Only pages of the same origin can send JSON here without a preflight.
    if (request.method !== 'POST') return refuseMethod(request, response, '/call', 'POST')
    if (request.headers['content-type'] !== 'application/json')
      return refuse(response, 415, 'Send JSON, with the header "Content-Type: application/json".')
    const text = await readText(request)
    if (text === undefined) return refuse(response, 413, `At most ${BODY_BYTES} bytes are taken.`)
    const asked = toCall(text)
    if (!asked) return refuse(response, 400, 'Send {"endpoint": "the ARN of a function", "event": …}.')
    const { endpoint, event } = asked
    const pool = [...deployment.pools.values()].find(({ plan }) => endpoint.startsWith(plan.arn))
    const drawn = JSON.stringify(deployment.plan.dashboards)
    const isNamed = (arn: string) =>
      drawn.includes(arn) ||
      deployment.plan.functions.some(
        (item) =>
          drawn.includes(item.arn) && Object.values(item.environment).some((value) => value === endpoint),
      )
    if (!pool || !isNamed(pool.plan.arn)) return refuse(response, 403, 'No dashboard names this function.')
    const result = await pool.invoke(event).catch((cause: Error) => cause)
    if (result instanceof Error) return refuse(response, 502, `The function failed: ${result.message}`)
    send(response, 200, { result })
  }

  #tell({ name, from, to }: AlarmChange, { description, tells }: AlarmStatus): void {
    if (tells.length === 0) return
    if (to === 'ALARM') this.#options.tell(`Alarm ${name}: ${description}`, true)
    else if (from === 'ALARM') this.#options.tell(`Alarm ${name} is over.`, false)
  }
}

/** Most rows that are drawn; a filter finds the others. */
const MAX_TASK_ROWS = 2_000

function toQuestion(query: URLSearchParams): TaskQuery {
  const text = (name: string) => query.get(name)?.trim() || undefined
  const time = (name: string) => {
    const at = Date.parse(text(name) ?? '')
    return Number.isNaN(at) ? undefined : at
  }
  return {
    status: query
      .getAll('status')
      .flatMap((value) => value.split(','))
      .filter(Boolean),
    type: text('type'),
    lane: text('lane'),
    model: text('model'),
    tag: text('tag'),
    text: text('text'),
    since: time('since'),
    until: time('until'),
    sort: text('sort') ?? 'created',
    isDescending: query.get('order') !== 'asc',
    limit: Math.min(MAX_TASK_ROWS, Math.max(1, Number(query.get('limit')) || 50)),
  }
}

export type FunctionsData = Awaited<ReturnType<typeof describe>>

async function describe({ plan, pools, sources, timers }: Deployment, now: number, { workIn }: LocalProduct) {
  const nameOf = (functionName: string) => pools.get(functionName)?.plan.name ?? functionName
  return {
    now,
    functions: await Promise.all(
      [...pools.values()].map(async ({ plan: own, environments, running, waiting, limit }) => ({
        name: own.name,
        memoryMb: own.memoryMb,
        timeoutMs: own.timeoutMs,
        running,
        waiting,
        limit,
        environments: await Promise.all(
          environments.map(async (environment) => {
            const { id, startedAt, isBusy, invocations, idleSince, current } = environment
            const usedMb = await environment.usedMb()
            return { id, startedAt, isBusy, invocations, idleSince, usedMb, tasks: workIn(current ?? '{}') }
          }),
        ),
      })),
    ),
    sources: sources.map(({ plan: own, isOn, batchesInHand }) => ({
      queue: plan.queues.find(({ arn }) => arn === own.queueArn)?.name ?? own.queueArn,
      functionName: nameOf(own.functionName),
      isOn,
      batchesInHand,
      maxConcurrency: own.maxConcurrency,
      batchSize: own.batchSize,
    })),
    timers: timers.map(({ plan: own, nextAt }) => ({
      name: own.name,
      expression: own.expression,
      timeZone: own.timeZone,
      functionName: nameOf(own.functionName),
      nextAt,
    })),
  }
}

function toCall(text: string): { readonly endpoint: string; readonly event: unknown } | undefined {
  try {
    const { endpoint, event } = JSON.parse(text) as { endpoint?: unknown; event?: unknown }
    return typeof endpoint === 'string' ? { endpoint, event } : undefined
  } catch {
    return undefined
  }
}

/** @returns undefined for a body that is too large. */
async function readText(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes <= BODY_BYTES) chunks.push(chunk as Buffer)
  }
  return bytes > BODY_BYTES ? undefined : Buffer.concat(chunks).toString('utf8')
}

const send = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(JSON.stringify(body))
}

/** A problem document, like the API's own errors. */
const refuse = (
  response: ServerResponse,
  status: number,
  detail: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): void => {
  response.writeHead(status, {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  const title = STATUS_CODES[status] ?? 'Refused'
  const code = title.toLowerCase().replaceAll(' ', '_')
  response.end(JSON.stringify({ type: 'about:blank', title, status, detail, code }))
}

const refuseMethod = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  allow: string,
): void =>
  refuse(response, 405, `${BASE}${path === '/' ? '' : path} takes ${allow}, not ${request.method}.`, {
    allow,
  })

/** For browsers, a page that reloads itself until there is something to show. */
function sendStarting(request: IncomingMessage, response: ServerResponse, { name }: LocalProduct): void {
  response.setHeader('retry-after', '1')
  if (!request.headers.accept?.includes('text/html')) {
    refuse(response, 503, 'Starting.')
    return
  }
  response.writeHead(503, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  response.end(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><meta http-equiv="refresh" content="1">
<title>Starting · ${name} console</title>
<p style="font: 16px/1.5 system-ui, sans-serif; margin: 4rem auto; max-width: 40rem; padding: 0 1rem" role="status">
${name} is starting. This page shows the console as soon as it has; a first start builds everything and takes up
to half a minute.</p></html>`)
}

const sendText = (response: ServerResponse, type: string, text: string): void => {
  response.writeHead(200, {
    'content-type': type,
    'cache-control': 'no-store',
    'content-security-policy':
      "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
  })
  response.end(text)
}

/**
 * Entry of a worker thread with one embedded service, so that the gateway's event loop never waits for a database. Sends its
 * port when it listens, and closes on request.
 */
import type { RequestListener } from 'node:http'
import { registerHooks } from 'node:module'
import { Server } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { collectWhenIdle } from '../idle-memory.mjs'
import { FairOrder, type QueuedMessage } from './fair-order.ts'
import { guarded, serveGuarded } from './guarded-server.ts'
import type { QueueDepthSample, ServiceOrder, ThreadOrder } from './orders.ts'
import { openTableServer } from './table/server.ts'

interface RunningService {
  readonly port: number
  readonly stop: () => Promise<void>
  readonly look?: (name: string) => QueueDepthSample
}

const LOOPBACK = '127.0.0.1'

async function startDynamo({ directory, keys }: ServiceOrder): Promise<RunningService> {
  const table = openTableServer(join(directory, 'table.sqlite'))
  const { endpoint, stop } = await serveGuarded(table.handle, keys)
  return {
    port: Number(new URL(endpoint).port),
    stop: async () => {
      await stop()
      table.close()
    },
  }
}

/** Size of the largest upload, and some room for other fields of a request. */
const MAX_BODY_BYTES = 110_000_000

const TO_GROUP = 'delaySeconds > 0 ? delaySeconds : undefined'

/** Changes of fauxqs for which it has no setting, by source file. */
const PATCHES: Readonly<Record<string, readonly [text: string, instead: string]>> = {
  // S3 accepts 5 GB.
  'app.js': ['bodyLimit: 11 * 1_048_576', `bodyLimit: ${MAX_BODY_BYTES}`],
  // Adds message groups, which are the tenants, to standard queues.
  'sqs/actions/sendMessage.js': [`${TO_GROUP});`, `${TO_GROUP}, body.MessageGroupId);`],
  'sqs/actions/sendMessageBatch.js': [`${TO_GROUP});`, `${TO_GROUP}, entry.MessageGroupId);`],
}

/** @throws Error when a version of fauxqs has another source text there. */
function patchFauxqs(): void {
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context)
      const patch = PATCHES[url.split('/fauxqs/dist/')[1] ?? '']
      if (!patch) return loaded
      const source = String(loaded.source)
      if (source.split(patch[0]).length !== 2)
        throw new Error(`This fauxqs does not have "${patch[0]}" once in ${url}: see PATCHES.`)
      return { ...loaded, source: source.replace(...patch) }
    },
  })
}

/** The part of a standard queue in fauxqs that is used here. */
interface EmbeddedQueue {
  readonly messages: QueuedMessage[]
  readonly inflightMessages: Map<string, { readonly message: QueuedMessage }>
  isFifo(): boolean
  processTimers(): void
  dequeue(count: number, ...rest: unknown[]): readonly { readonly ReceiptHandle: string }[]
  deleteMessage(receiptHandle: string): boolean
}

/** fauxqs delivers the oldest message first; SQS those of quiet tenants. Its queues are not exported. */
async function makeQueuesFair(): Promise<void> {
  const store = new URL('sqs/sqsStore.js', import.meta.resolve('fauxqs')).href
  const { SqsQueue } = (await import(store)) as { SqsQueue: { prototype: EmbeddedQueue } }
  const { dequeue, deleteMessage } = SqsQueue.prototype
  const orders = new WeakMap<EmbeddedQueue, { order: FairOrder; since: Map<string, number> }>()
  const stateOf = (queue: EmbeddedQueue) => {
    const state = orders.get(queue) ?? { order: new FairOrder(), since: new Map<string, number>() }
    orders.set(queue, state)
    return state
  }
  SqsQueue.prototype.dequeue = function (this: EmbeddedQueue, count, ...rest) {
    if (this.isFifo()) return dequeue.call(this, count, ...rest)
    const { order, since } = stateOf(this)
    const now = Date.now()
    this.processTimers()
    order.arrange(
      this.messages,
      [...this.inflightMessages.values()].map(({ message }) => message),
      Math.min(count, 10),
      now,
    )
    const received = dequeue.call(this, count, ...rest)
    for (const { ReceiptHandle } of received) since.set(ReceiptHandle, now)
    // Messages that became visible again have new receipt handles.
    if (since.size > 1_000 + 2 * this.inflightMessages.size)
      for (const handle of since.keys()) if (!this.inflightMessages.has(handle)) since.delete(handle)
    return received
  }
  SqsQueue.prototype.deleteMessage = function (this: EmbeddedQueue, receiptHandle) {
    const { order, since } = stateOf(this)
    const message = this.inflightMessages.get(receiptHandle)?.message
    const at = since.get(receiptHandle)
    since.delete(receiptHandle)
    if (message && at !== undefined) order.done(message, Date.now() - at, Date.now())
    return deleteMessage.call(this, receiptHandle)
  }
}

async function startQueues({ directory, region, keys }: ServiceOrder): Promise<RunningService> {
  // fauxqs listens on every interface and has no setting for it; nothing else listens in this thread.
  const listen = Server.prototype.listen
  Server.prototype.listen = function (this: Server, ...[options, ...rest]: unknown[]) {
    const own = options !== null && typeof options === 'object' ? { ...options, host: LOOPBACK } : options
    const handlers = this.listeners('request') as RequestListener[]
    this.removeAllListeners('request')
    for (const handle of handlers) this.on('request', guarded(handle, keys))
    return (listen as (...all: unknown[]) => Server).call(this, own, ...rest)
  } as typeof listen
  // It also syncs at every commit, four times per task. One sync per checkpoint survives a killed process as well.
  const exec = DatabaseSync.prototype.exec
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
    exec.call(this, sql)
    if (sql.includes('journal_mode = WAL'))
      exec.call(this, 'PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 4194304')
  }
  patchFauxqs()
  const { startFauxqs } = await import('fauxqs')
  await makeQueuesFair()
  const server = await startFauxqs({ port: 0, dataDir: directory, logger: false, defaultRegion: region })
  const look = (name: string): QueueDepthSample => {
    const now = Date.now()
    const { ready = [], delayed = [], inflight = [] } = server.inspectQueue(name)?.messages ?? {}
    // fauxqs makes a message visible again only at the next receive; SQS does it in time.
    const held = inflight.filter(({ visibilityDeadline }) => visibilityDeadline > now).length
    const sent = [...ready, ...inflight.map(({ message }) => message)].map(
      ({ sentTimestamp }) => sentTimestamp,
    )
    return {
      name,
      visible: ready.length + inflight.length - held,
      inFlight: held,
      delayed: delayed.length,
      oldestMs: now - sent.reduce((least, at) => Math.min(least, at), now),
    }
  }
  return { port: server.port, look, stop: async () => void (await server.stop()) }
}

const order = workerData as ServiceOrder
const service = await (order.kind === 'dynamodb' ? startDynamo(order) : startQueues(order))
parentPort?.on('message', async (told: ThreadOrder) => {
  if (told !== 'stop') return parentPort?.postMessage(told.look.map((name) => service.look?.(name)))
  await service.stop()
  parentPort?.postMessage({ isStopped: true })
  parentPort?.close()
})
collectWhenIdle()
parentPort?.postMessage({ port: service.port })

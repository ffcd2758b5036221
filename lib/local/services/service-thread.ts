/**
 * Entry of a worker thread that holds one embedded service, so that the gateway's event loop never waits for a
 * database. Tells its port when it listens, closes when told to.
 */
import type { RequestListener } from 'node:http'
import { registerHooks } from 'node:module'
import { Server } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { guarded, serveGuarded } from './guarded-server.ts'
import type { QueueDepthSample, ServiceOrder, ThreadOrder } from './orders.ts'
import { openTableServer } from './table/server.ts'

interface Running {
  readonly port: number
  readonly stop: () => Promise<void>
  readonly look?: (name: string) => QueueDepthSample
}

const LOOPBACK = '127.0.0.1'

async function startDynamo({ directory, keys }: ServiceOrder): Promise<Running> {
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

/** Of an upload, and some room for what a client sends beside it. */
const LARGEST_BODY = 110_000_000

/** fauxqs takes bodies of 11 MiB, S3 takes 5 GB, and there is no setting: the one number in its source is another here. */
function raiseBodyLimit(): void {
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context)
      if (!url.endsWith('/fauxqs/dist/app.js')) return loaded
      const source = String(loaded.source)
      const raised = source.replace(/bodyLimit: 11 \* 1_048_576/, `bodyLimit: ${LARGEST_BODY}`)
      if (raised === source) throw new Error('This fauxqs has its body limit elsewhere: see raiseBodyLimit.')
      return { ...loaded, source: raised }
    },
  })
}

async function startQueues({ directory, region, keys }: ServiceOrder): Promise<Running> {
  // fauxqs listens on every interface, for everybody, and has no setting for it; nothing else listens in this thread.
  const listen = Server.prototype.listen
  Server.prototype.listen = function (this: Server, ...[options, ...rest]: unknown[]) {
    const own = options !== null && typeof options === 'object' ? { ...options, host: LOOPBACK } : options
    const handlers = this.listeners('request') as RequestListener[]
    this.removeAllListeners('request')
    for (const handle of handlers) this.on('request', guarded(handle, keys))
    return (listen as (...all: unknown[]) => Server).call(this, own, ...rest)
  } as typeof listen
  // It also syncs at every commit, four times for each task. Once per checkpoint survives a killed process as well.
  const exec = DatabaseSync.prototype.exec
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
    exec.call(this, sql)
    if (sql.includes('journal_mode = WAL'))
      exec.call(this, 'PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 4194304')
  }
  raiseBodyLimit()
  const { startFauxqs } = await import('fauxqs')
  const server = await startFauxqs({ port: 0, dataDir: directory, logger: false, defaultRegion: region })
  const look = (name: string): QueueDepthSample => {
    const now = Date.now()
    const { ready = [], delayed = [], inflight = [] } = server.inspectQueue(name)?.messages ?? {}
    // fauxqs puts a message back only when the next receive comes by; SQS does it at the time.
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
parentPort?.postMessage({ port: service.port })

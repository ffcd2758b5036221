import { createServer, type IncomingHttpHeaders, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { seeded } from './seeded.ts'

/**
 * The faults between a function and a service. `lost-answer`: the call takes effect, but its answer is lost. `timeout`: no
 * effect, and no answer before the client gives up.
 */
export const FAULTS = ['throttled', 'broken', 'reset', 'lost-answer', 'timeout', 'slow'] as const
export type Fault = (typeof FAULTS)[number]

export interface FaultOptions {
  /** Share of calls with a fault, 0 to 1. */
  share: number
  /** The same seed gives the same faults for the same order of calls. */
  readonly seed: number
  /** Name of the service's own throttling error. */
  readonly throttling: string
  /** Only these operations have faults, e.g. `UpdateItem`. */
  only?: RegExp
  /** Only these faults happen. */
  readonly faults?: readonly Fault[]
}

/** A call at which the environment that makes it is killed. */
export interface DeathPoint {
  readonly operation: string
  /** Part of the call's body or path, e.g. a task's id. */
  readonly about: string
  /** Which of those calls: 1 is the first. */
  readonly nth: number
  /** Whether the call takes effect before the death. */
  readonly isApplied: boolean
}

interface Call {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly operation: string
  readonly body: Buffer
}

/** A proxy between functions and one embedded service. It speaks the service's protocol and injects faults. */
export async function startFaultProxy(target: string, options: FaultOptions) {
  const done: Record<string, number> = {}
  const points = new Map<DeathPoint, number>()
  const deaths: DeathPoint[] = []
  let kill: (environment: string) => void = () => undefined
  const { hostname, port } = new URL(target)
  const random = seeded(options.seed)
  let faults: readonly Fault[] = options.faults ?? FAULTS

  const server = createServer(async (incoming, outgoing) => {
    incoming.on('error', () => undefined)
    outgoing.on('error', () => undefined)
    const chunks: Buffer[] = []
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    const { method, url: path, headers } = incoming
    const body = Buffer.concat(chunks)
    const call = { method, path, headers, operation: operationOf(method, headers), body }
    const point = pointOf(call)
    if (point) {
      deaths.push(point)
      const die = () => kill(String(headers['x-environment']))
      return point.isApplied ? forward(call, undefined, die) : die()
    }
    const isMeant = options.only === undefined || options.only.test(call.operation)
    const fault =
      isMeant && random() < options.share ? faults[Math.floor(random() * faults.length)] : undefined
    if (fault) done[fault] = (done[fault] ?? 0) + 1
    const fail = (status: number, type: string) => {
      outgoing.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
      outgoing.end(JSON.stringify({ __type: `com.amazonaws#${type}`, message: 'A fault of the test.' }))
    }
    switch (fault) {
      case 'throttled':
        return fail(400, options.throttling)
      case 'broken':
        return fail(500, 'InternalServerError')
      case 'reset':
        return void incoming.socket.destroy()
      case 'timeout':
        return
      case 'slow':
        return void setTimeout(() => forward(call, outgoing), 300)
      case 'lost-answer':
        return forward(call, undefined, () => incoming.socket.destroy())
      default:
        return forward(call, outgoing)
    }
  })
  /** The first point that matches this call; counts the call. */
  const pointOf = ({ operation, path, body }: Call): DeathPoint | undefined => {
    for (const [point, seen] of points) {
      if (point.operation !== operation) continue
      if (!body.includes(point.about) && !path?.includes(point.about)) continue
      points.set(point, seen + 1)
      if (seen + 1 === point.nth) return point
    }
    return undefined
  }
  const forward = (
    { method, path, headers, body }: Call,
    outgoing?: ServerResponse,
    onApplied?: () => void,
  ) => {
    const call = request({ hostname, port, method, path, headers }, (answer) => {
      if (!outgoing) {
        answer.resume()
        answer.on('end', () => onApplied?.())
        return
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    call.on('error', () => outgoing?.destroy())
    call.end(body)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Number of injected faults, by kind. */
    done,
    /** Points that were reached. */
    deaths,
    /** @param killer ends the environment of that id. */
    killBy: (killer: typeof kill) => {
      kill = killer
    },
    dieAt: (point: DeathPoint) => void points.set(point, 0),
    /** Ends the random faults. */
    heal: () => {
      options.share = 0
    },
    /** Changes the faults from now on. */
    set: (share: number, only?: RegExp, kinds: readonly Fault[] = FAULTS) => {
      options.share = share
      faults = kinds
      if (only) options.only = only
      else delete options.only
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
export type FaultProxy = Awaited<ReturnType<typeof startFaultProxy>>

/** `UpdateItem`, `SendMessage` …; S3 has its operation in the method. */
function operationOf(method: string | undefined, headers: IncomingHttpHeaders): string {
  const target = headers['x-amz-target']
  if (typeof target === 'string') return target.split('.').at(-1) ?? ''
  return { PUT: 'PutObject', GET: 'GetObject', DELETE: 'DeleteObject' }[method ?? ''] ?? String(method)
}

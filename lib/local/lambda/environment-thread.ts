/**
 * Entry of a worker thread that is one execution environment of one function: its own `process.env`, its own memory
 * limit, one event at a time. Imports the bundle as Lambda would and calls its handler.
 */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { format } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'

export interface EnvironmentOrder {
  readonly functionName: string
  readonly functionArn: string
  readonly codeDirectory: string
  /** `file.export`. */
  readonly handler: string
  readonly memoryMb: number
  readonly compileCache: string
}

export interface InvocationOrder {
  readonly requestId: string
  readonly event: unknown
  /** How long the invocation may take. */
  readonly timeoutMs: number
}

export type EnvironmentReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'broken'; readonly error: LambdaError }
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'error'; readonly error: LambdaError }

/** As Lambda answers for a function that threw. */
export interface LambdaError {
  readonly errorType: string
  readonly errorMessage: string
  readonly stackTrace?: readonly string[]
}

const order = workerData as EnvironmentOrder
const reply = (message: EnvironmentReply) => parentPort?.postMessage(message)

function toError(thrown: unknown): LambdaError {
  if (!(thrown instanceof Error)) return { errorType: typeof thrown, errorMessage: String(thrown) }
  return {
    errorType: thrown.name,
    errorMessage: thrown.message,
    stackTrace: thrown.stack?.split('\n').slice(1) ?? [],
  }
}

/** An error inside an object, as Lambda writes it. */
const replaceError = (_: string, value: unknown): unknown =>
  value instanceof Error
    ? { errorType: value.name, errorMessage: value.message, stackTrace: value.stack?.split('\n'), ...value }
    : value

/**
 * Lambda's JSON log format: one object per line. A single argument is the message as it is; several are formatted as
 * Node's console does it, and the first error among them also has fields of its own.
 */
function logLine(level: string, values: unknown[]): void {
  const line = { timestamp: new Date().toISOString(), level, requestId: current }
  process.stdout.write(`${toJson(line, values)}\n`)
}

function toJson(line: object, values: unknown[]): string {
  const error = values.length > 1 ? values.find((value) => value instanceof Error) : undefined
  const message = values.length === 1 ? values[0] : format(...values)
  try {
    return JSON.stringify(
      { ...line, message, ...(error ? (replaceError('', error) as object) : {}) },
      replaceError,
    )
  } catch {
    // A circle, or a number too large for JSON.
    return JSON.stringify({ ...line, message: format(...values) })
  }
}

let current: string | undefined
for (const [method, level] of [
  ['trace', 'TRACE'],
  ['debug', 'DEBUG'],
  ['log', 'INFO'],
  ['info', 'INFO'],
  ['warn', 'WARN'],
  ['error', 'ERROR'],
] as const)
  console[method] = (...values: unknown[]) => logLine(level, values)

type Handler = (event: unknown, context: unknown) => unknown

async function load(): Promise<Handler> {
  enableCompileCache(order.compileCache)
  if (process.env.NODE_OPTIONS?.includes('--enable-source-maps')) process.setSourceMapsEnabled(true)
  const [file = '', name = ''] = order.handler.split('.')
  const module = await import(pathToFileURL(join(order.codeDirectory, `${file}.mjs`)).href)
  if (typeof module[name] !== 'function') throw new Error(`${order.handler} is not exported by the bundle`)
  return module[name]
}

function contextOf({ requestId, timeoutMs }: InvocationOrder): unknown {
  // By the monotonic clock: a clock that is set meanwhile must not end the invocation.
  const end = performance.now() + timeoutMs
  return {
    awsRequestId: requestId,
    functionName: order.functionName,
    functionVersion: '1',
    invokedFunctionArn: `${order.functionArn}:live`,
    memoryLimitInMB: String(order.memoryMb),
    logGroupName: order.functionName,
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, Math.round(end - performance.now())),
  }
}

try {
  const handler = await load()
  parentPort?.on('message', async (invocation: InvocationOrder) => {
    current = invocation.requestId
    try {
      const result = await handler(invocation.event, contextOf(invocation))
      // Over JSON, as over the wire: what JSON cannot say does not leave a function.
      reply({ kind: 'result', result: result === undefined ? null : JSON.parse(JSON.stringify(result)) })
    } catch (thrown) {
      const error = toError(thrown)
      console.error({ ...error })
      reply({ kind: 'error', error })
    } finally {
      current = undefined
    }
  })
  reply({ kind: 'ready' })
} catch (thrown) {
  reply({ kind: 'broken', error: toError(thrown) })
}

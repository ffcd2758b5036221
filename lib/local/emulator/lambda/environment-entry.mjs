/**
 * Entry of a worker thread or a process that is one execution environment of one function: its own `process.env`, its
 * own memory limit, one event at a time. Imports the bundle as Lambda would and calls its handler.
 *
 * JavaScript, not TypeScript: one that strips types takes 12 MB and 26 ms more (measured 2026-11-25), and there are
 * dozens. The messages are in `environment-messages.ts`.
 *
 * @import { EnvironmentMessage, EnvironmentOrder, InvocationOrder, LambdaError, TakenOrder } from './environment-messages.ts'
 */
import { collectWhenIdle } from '../idle-memory.mjs'

const { enableCompileCache } = process.getBuiltinModule('node:module')
const { join } = process.getBuiltinModule('node:path')
const { Writable } = process.getBuiltinModule('node:stream')
const { finished } = process.getBuiltinModule('node:stream/promises')
const { pathToFileURL } = process.getBuiltinModule('node:url')
const { format, inspect } = process.getBuiltinModule('node:util')
const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')

/** @type {EnvironmentOrder} */
const order = workerData ?? JSON.parse(process.argv[2])

/** @type {(message: EnvironmentMessage, done?: () => void) => void} */
const tell = parentPort
  ? (message) => parentPort.postMessage(message)
  : // Bound here: the function finds no way to talk to who runs it.
    process.send.bind(process)
const ear = parentPort ?? process

/** @param {unknown} thrown any value, also one that cannot be read. @returns {LambdaError} */
function toError(thrown) {
  if (!(thrown instanceof Error))
    return { errorType: typeof thrown, errorMessage: typeof thrown === 'string' ? thrown : inspect(thrown) }
  try {
    return {
      errorType: String(thrown.name),
      errorMessage: String(thrown.message),
      stackTrace: String(thrown.stack ?? '')
        .split('\n')
        .slice(1),
    }
  } catch {
    return { errorType: 'Error', errorMessage: 'An error that cannot be read was thrown' }
  }
}

if (!parentPort) {
  process.send = undefined
  const { writeFileSync } = process.getBuiltinModule('node:fs')
  // Ctrl-C reaches every process of the terminal; who runs this one lets it finish, and ends it.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {})
  process.on('disconnect', () => process.exit())
  try {
    // The first to go when the machine has no memory left, before whatever else its user has open.
    writeFileSync('/proc/self/oom_score_adj', '900')
  } catch {
    const report = () => tell({ kind: 'memory', usedMb: Math.round(process.memoryUsage.rss() / 1_048_576) })
    setInterval(report, 250).unref()
  }
}

/** Lines go over in one message for each turn of the event loop, and before whatever else is told. */
let lines = []
let rest = ''
function flush() {
  if (lines.length === 0) return
  tell({ kind: 'lines', lines })
  lines = []
}
function addLine(line) {
  if (lines.length === 0) setImmediate(flush)
  lines.push(line)
}
for (const stream of [process.stdout, process.stderr])
  stream.write = (chunk, encoding, callback) => {
    const texts = (rest + (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())).split('\n')
    rest = texts.pop() ?? ''
    for (const text of texts) addLine(text)
    const done = typeof encoding === 'function' ? encoding : callback
    if (done) queueMicrotask(done)
    return true
  }

let current
/** As Lambda's runtime writes an error. */
const writeError = (_name, value) =>
  value instanceof Error
    ? { errorType: value.name, errorMessage: value.message, stackTrace: value.stack?.split('\n'), ...value }
    : value

/** Lambda's JSON log format: one object per line, a single object argument as the message, as text if JSON cannot hold it. */
function lineOf(level, values) {
  const line = { timestamp: new Date().toISOString(), level, requestId: current }
  if (values.length === 1)
    try {
      return JSON.stringify({ ...line, message: values[0] }, writeError)
    } catch {}
  return JSON.stringify({ ...line, message: format(...values) })
}
for (const [method, level] of [
  ['debug', 'DEBUG'],
  ['log', 'INFO'],
  ['info', 'INFO'],
  ['warn', 'WARN'],
  ['error', 'ERROR'],
])
  console[method] = (...values) => addLine(lineOf(level, values))

/** Set by `streamifyResponse` on a handler that streams, as Lambda's own runtime marks it. */
const STREAMS = Symbol.for('aws.lambda.runtime.handler.streaming')
const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response'

/** Code threw while nothing awaited it: as on Lambda, the log has its stack, and the environment ends. */
process.on('uncaughtException', (thrown) => {
  const { errorType, errorMessage, stackTrace } = toError(thrown)
  const said = {
    errorType: 'Runtime.UnhandledError',
    errorMessage: `${errorType}: ${errorMessage}`,
    stackTrace,
  }
  addLine(lineOf('ERROR', [said]))
  flush()
  const end = () => process.exit(1)
  tell({ kind: 'crashed', error: { ...said, errorMessage } }, end)
  // A thread's messages need no confirmation.
  if (parentPort) end()
})

globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [STREAMS]: 'response' }),
  HttpResponseStream: {
    /** Status and headers go before the first byte of the body, eight zero bytes after them. */
    from(stream, prelude) {
      stream.setContentType(PRELUDE_TYPE)
      stream.prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)])
      return stream
    },
  },
}

/** Called when the receiver has taken the piece that is on its way. */
let taken
class ResponseStream extends Writable {
  prelude
  setContentType() {}

  _write(chunk, _encoding, done) {
    const bytes = this.prelude ? Buffer.concat([this.prelude, chunk]) : chunk
    this.prelude = undefined
    taken = done
    flush()
    tell({ kind: 'piece', bytes })
  }

  _final(done) {
    if (this.prelude) this._write(Buffer.alloc(0), 'buffer', done)
    else done()
  }
}

async function load() {
  enableCompileCache(order.compileCache)
  const [file = '', name = ''] = order.handler.split('.')
  const module = await import(pathToFileURL(join(order.codeDirectory, `${file}.mjs`)).href)
  if (typeof module[name] !== 'function') throw new Error(`${order.handler} is not exported by the bundle`)
  return module[name]
}

/** @param {InvocationOrder} invocation */
function contextOf({ requestId, timeoutMs }) {
  // By the monotonic clock: a clock that is set meanwhile must not end the invocation.
  const end = performance.now() + timeoutMs
  return {
    awsRequestId: requestId,
    functionName: order.functionName,
    functionVersion: '1',
    invokedFunctionArn: `${order.functionArn}:live`,
    memoryLimitInMB: String(order.memoryMb),
    logGroupName: order.functionName,
    logStreamName: order.id,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, Math.round(end - performance.now())),
  }
}

/** @returns {Promise<EnvironmentMessage>} */
async function answerOf(handler, invocation) {
  const event = JSON.parse(invocation.event)
  const context = contextOf(invocation)
  if (handler[STREAMS]) {
    const stream = new ResponseStream()
    const ended = finished(stream)
    ended.catch(() => undefined)
    await handler(event, stream, context)
    await ended
    return { kind: 'streamed' }
  }
  // What JSON cannot say does not leave a function.
  return { kind: 'result', result: JSON.stringify(await handler(event, context)) ?? 'null' }
}

try {
  const handler = await load()
  collectWhenIdle()
  ear.on('message', async (/** @type {InvocationOrder | TakenOrder} */ told) => {
    if (told.kind === 'taken') return taken?.()
    current = told.requestId
    let answer
    try {
      answer = await answerOf(handler, told)
    } catch (thrown) {
      const error = toError(thrown)
      console.error({ ...error })
      answer = { kind: 'error', error }
    }
    current = undefined
    flush()
    tell(answer)
  })
  tell({ kind: 'ready' })
} catch (thrown) {
  flush()
  tell({ kind: 'broken', error: toError(thrown) })
}

/**
 * Loaded into every execution environment before its bundle (`NODE_OPTIONS=--import`). It marks each call with the
 * environment it comes from, so that a proxy can kill exactly that environment; shifts the clock; and does to the
 * environment what an answer of the model server commands.
 */
import { subscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'

const { TEST_CLOCK_SKEW_MS, TEST_CLOCK_FILE, AWS_LAMBDA_LOG_STREAM_NAME } = process.env

subscribe('http.client.request.created', ({ request }) => {
  // A large upload to S3 first sends only its headers (`Expect: 100-continue`), which has happened here.
  if (!request.headersSent) request.setHeader('x-environment', AWS_LAMBDA_LOG_STREAM_NAME)
})

subscribe('http.client.response.finish', ({ response }) => {
  const [deed, seconds] = String(response.headers['x-sabotage'] ?? '').split(' ')
  if (deed === 'out-of-memory') devour()
  if (deed === 'block') stand(Number(seconds))
})

function devour() {
  const eaten = []
  for (;;) eaten.push(new Array(100_000).fill(Math.random()))
}

/** Nothing of this environment runs meanwhile: no heartbeat, no deadline. */
function stand(seconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1_000)
}

const systemNow = Date.now
const fixedMs = Number(TEST_CLOCK_SKEW_MS ?? 0)
let movedMs = 0
let readAt = 0
/** A file, so that a test can move the clock of a running environment. */
function skew() {
  if (!TEST_CLOCK_FILE || systemNow() - readAt < 50) return fixedMs + movedMs
  readAt = systemNow()
  try {
    movedMs = Number(readFileSync(TEST_CLOCK_FILE, 'utf8'))
  } catch {}
  return fixedMs + movedMs
}
if (TEST_CLOCK_SKEW_MS || TEST_CLOCK_FILE) Date.now = () => systemNow() + skew()

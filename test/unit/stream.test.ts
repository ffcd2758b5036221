import { Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { APIGatewayProxyEvent } from 'aws-lambda'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { API_BASE } from '../../functions/contract.ts'
import { streamHandler } from '../../functions/hosts/stream.ts'

type Handler = (event: APIGatewayProxyEvent, stream: Writable) => Promise<void>

afterEach(() => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
})

/** One streamed route in a function of a stage; its pieces go into `stream`. */
async function serve(pieces: () => AsyncIterable<string>, stream: Writable): Promise<void> {
  vi.stubEnv('STAGE', 'test')
  vi.stubGlobal('awslambda', {
    streamifyResponse: (handler: Handler) => handler,
    HttpResponseStream: { from: (stream: Writable) => stream },
  })
  const route = {
    method: 'GET',
    path: '/tasks/{id}/events',
    scope: 'open' as const,
    start: () => async () => ({ status: 200, text: 'first;', stream: pieces() }),
  }
  const path = `${API_BASE}${route.path}`
  const event = {
    httpMethod: 'GET',
    path,
    resource: path,
    headers: {},
    requestContext: { requestId: 'r', path, identity: {} },
  } as unknown as APIGatewayProxyEvent
  const handler = streamHandler([route]) as unknown as Handler
  await handler(event, stream)
}

/** Accepts one piece per turn of the event loop, with backpressure in between. */
class SlowReceiver extends Writable {
  text = ''
  peakListeners = 0
  constructor() {
    super({ highWaterMark: 1 })
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void) {
    this.text += chunk
    this.peakListeners = Math.max(this.peakListeners, this.listenerCount('close'))
    setImmediate(done)
  }
}

describe('a streamed answer', () => {
  it('reaches a slow receiver complete, and does not add a listener per piece', async () => {
    const receiver = new SlowReceiver()
    await serve(async function* () {
      for (let piece = 0; piece < 100; piece += 1) yield `${piece};`
    }, receiver)
    expect(receiver.text).toBe(`first;${Array.from({ length: 100 }, (_, piece) => `${piece};`).join('')}`)
    expect(receiver.writableEnded).toBe(true)
    expect(receiver.peakListeners).toBeLessThan(10)
  })

  it('ends its source when the receiver disconnects during a wait', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    let isEnded = false
    const receiver = new Writable({
      highWaterMark: 1,
      write(chunk, _encoding, done) {
        if (String(chunk) === 'first;') done()
        else setImmediate(() => this.destroy(new Error('the gateway hung up')))
      },
    })
    receiver.on('error', () => undefined)
    await serve(async function* () {
      try {
        for (;;) yield 'piece;'
      } finally {
        isEnded = true
      }
    }, receiver)
    await pause(20)
    process.off('unhandledRejection', unhandled)
    expect(isEnded).toBe(true)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('ends after the existing pieces when its source fails', async () => {
    const logged = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const receiver = new SlowReceiver()
    await serve(async function* () {
      yield 'one;'
      throw new Error('the table does not answer')
    }, receiver)
    expect(receiver.text).toBe('first;one;')
    expect(receiver.writableEnded).toBe(true)
    expect(JSON.stringify(logged.mock.calls)).toContain('stream.failed')
  })
})

/** Answers written byte by byte by a hostile or broken server: none occupies a slot for long, none is paid for again. */
import { createServer, type Socket } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { OPENAI_ENDINGS } from '../../functions/core/adapters/providers/openai/endings.ts'
import { createOpenaiProvider } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
import { AnswerBuilder, collectAnswer } from '../../functions/core/adapters/providers/shared/answer.ts'
import { sse } from '../fixtures/raw-server.ts'

let answer: (socket: Socket) => void
const sockets = new Set<Socket>()
const server = createServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => undefined)
  let asked = ''
  socket.on('data', (bytes) => {
    asked += bytes.toString('latin1')
    const head = asked.indexOf('\r\n\r\n')
    const length = Number(/content-length: (\d+)/i.exec(asked)?.[1])
    if (head < 0 || asked.length < head + 4 + length) return
    asked = ''
    answer(socket)
  })
})
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => void server.close())
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
})

let models = 0
const KEY = 'Zq9!weird~key=shape/0042abcdefgh'
const generate = (signal: AbortSignal = new AbortController().signal) => {
  const { port } = server.address() as { port: number }
  return createOpenaiProvider(
    { name: 'openai', key: KEY, baseUrl: `http://127.0.0.1:${port}/v1` },
    Date.now,
  ).generate({ model: `m-${++models}`, messages: [{ role: 'user', content: 'hi' }] }, { signal })
}
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n'
const says = (content: string, finish: string | null = null) => ({
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
})
const ends = (finish: string) => ({ choices: [{ index: 0, delta: {}, finish_reason: finish }] })
const stream = (...events: readonly unknown[]) => {
  answer = (socket) => void socket.end(`${HEAD}\r\n${sse(...events)}`)
}
/** Writes without end, as fast as it is read. */
async function flood(socket: Socket, bytes: string | Buffer) {
  while (!socket.destroyed)
    if (!socket.write(bytes))
      await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve))
}

describe('a finish reason ends the answer', () => {
  it.each([
    ['an event without an end', sse(says('whole')) + sse(ends('stop')).trimEnd()],
    ['a line without an end', sse(says('whole')) + sse(ends('stop')).slice(0, -1)],
  ])('in %s, followed by silence', async (_, text) => {
    answer = (socket) => void socket.write(`${HEAD}\r\n${text}`)
    expect(await generate()).toMatchObject({ text: 'whole', finishReason: 'stop' })
  })

  it.each([
    ['an error', [says('whole'), ends('stop'), ends('error'), '[DONE]'], 'stop'],
    ['an unknown word', [says('whole'), ends('length'), ends('bananas'), '[DONE]'], 'length'],
    ['text and no other reason', [says('who'), ends('stop'), says('le'), '[DONE]'], 'stop'],
    ['another end', [says('whole'), ends('stop'), ends('length'), '[DONE]'], 'length'],
    ['a second answer after [DONE]', [says('whole', 'stop'), '[DONE]', says('evil'), '[DONE]'], 'stop'],
  ])('that is followed by %s', async (_, events, finishReason) => {
    stream(...events)
    expect(await generate()).toMatchObject({ text: 'whole', finishReason })
  })

  it('but a truncation is not an end, a refusal is one, and a reason that comes with every piece is ignored at first', async () => {
    answer = (socket) =>
      void socket.write(`${HEAD}\r\n${sse(says('half', 'stop'), says(' a text'))}`, () =>
        setTimeout(() => socket.end(), 20),
      )
    await expect(generate()).rejects.toMatchObject({ code: 'provider_bad_answer', retry: 'counted' })
    stream(says('half'), ends('stop'), ends('content_filter'), '[DONE]')
    await expect(generate()).rejects.toMatchObject({ code: 'content_refused' })
    stream(says('half', 'stop'), says(' a text', 'stop'), ends('error'), '[DONE]')
    await expect(generate()).rejects.toMatchObject({ code: 'provider_bad_answer' })
  })

  it('that comes with every piece counts after a silence, and each piece restarts that time', async () => {
    vi.useFakeTimers()
    try {
      const builder = new AnswerBuilder('openai', OPENAI_ENDINGS, undefined)
      async function* parts() {
        for (const ms of [0, 1_000, 15_000, 15_000]) {
          await new Promise((resolve) => setTimeout(resolve, ms))
          yield 'a'
        }
        await new Promise(() => undefined)
      }
      const collected = collectAnswer(parts(), builder, new AbortController().signal, (text) => {
        builder.add(text)
        builder.end('stop')
        return false
      })
      await vi.advanceTimersByTimeAsync(60_000)
      expect(await collected).toMatchObject({ text: 'aaaa', finishReason: 'stop' })
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a key that is sent back by the provider and cut', () => {
  const error = (status: number, message: string) =>
    `HTTP/1.1 ${status} x\r\nconnection: close\r\n\r\n${JSON.stringify({ error: { message } })}`
  it.each<[string, (before: number) => string]>([
    [
      'by the product, in a message',
      (before) => error(400, `${'a'.repeat(before)} ${KEY} and ${'more '.repeat(300)}`),
    ],
    [
      'by the product, in a URL',
      (before) => `HTTP/1.1 307 x\r\nlocation: http://other/${'a'.repeat(before)}/${KEY}/\r\n\r\n`,
    ],
    [
      'by the product, in a finish reason',
      (before) => `${HEAD}\r\n${sse(ends(`${'a'.repeat(before)} ${KEY}`))}`,
    ],
    ['by the server', (before) => error(401, `Wrong key: ${KEY.slice(0, 10 + (before % 22))}***, see …`)],
    [
      'by the server, with dots',
      (before) => error(401, `Wrong key: "${KEY.slice(0, 10 + (before % 22))}..."`),
    ],
  ])('%s, leaves at most nine of its characters in the error', async (_, write) => {
    for (let before = 0; before < 310; before += 3) {
      answer = (socket) => void socket.end(write(before))
      const { message } = await generate().catch((failure) => failure)
      expect(message).not.toContain(KEY.slice(0, 10))
    }
  })
})

describe('a server that sends without end', () => {
  it('responses of status 1xx is disconnected', async () => {
    answer = (socket) => void flood(socket, 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(100))
    await expect(generate()).rejects.toMatchObject({ code: 'provider_unreachable' })
  })

  it('or switches to another protocol is disconnected', async () => {
    answer = (socket) =>
      void socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
      )
    await expect(generate()).rejects.toMatchObject({ code: 'provider_unreachable' })
  })

  it.each([503, 429, 400])('the body of an error %i is disconnected', async (status) => {
    answer = (socket) =>
      void socket.write(
        `HTTP/1.1 ${status} x\r\ncontent-type: application/json\r\nretry-after: 7\r\n\r\n{"error":{"message":"no`,
      )
    await expect(generate()).rejects.toMatchObject({ status })
  })

  it('comments is disconnected, and an aborted call also stops decompressing', async () => {
    const bomb = gzipSync(Buffer.alloc(60_000_000, ':\n\n'))
    answer = (socket) =>
      void socket.end(Buffer.concat([Buffer.from(`${HEAD}content-encoding: gzip\r\n\r\n`), bomb]))
    await expect(generate()).rejects.toMatchObject({ code: 'result_too_large', retry: 'never' })
    const events = gzipSync(sse(says('')).repeat(400_000))
    answer = (socket) =>
      void socket.end(Buffer.concat([Buffer.from(`${HEAD}content-encoding: gzip\r\n\r\n`), events]))
    const reason = new Error('enough')
    await expect(generate(AbortSignal.any([abortSoon(reason)]))).rejects.toBe(reason)
  })
})

describe('a compressed answer', () => {
  const packed = (encoding: string, bytes: Buffer, status = '200 OK') => {
    const head = `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-encoding: ${encoding}\r\n\r\n`
    answer = (socket) => void socket.end(Buffer.concat([Buffer.from(head), bytes]))
  }
  const whole = Buffer.from(sse(says('whole', 'stop'), '[DONE]'))

  it('in several encodings is unpacked from the last to the first', async () => {
    packed('gzip, br', brotliCompressSync(gzipSync(whole)))
    expect(await generate()).toMatchObject({ text: 'whole' })
    packed('Identity', whole)
    expect(await generate()).toMatchObject({ text: 'whole' })
  })

  it('in an unknown encoding is not paid for again, and is named', async () => {
    packed('x-snappy', Buffer.from([1, 2, 3]))
    const error = {
      code: 'provider_bad_answer',
      retry: 'never',
      message: expect.stringContaining('x-snappy'),
    }
    await expect(generate()).rejects.toMatchObject(error)
    packed('x-snappy', Buffer.from([1, 2, 3]), '429 Too Many')
    await expect(generate()).rejects.toMatchObject({ code: 'provider_rate_limited' })
    packed(Array(100).fill('gzip').join(), whole)
    await expect(generate()).rejects.toMatchObject({ code: 'provider_bad_answer', retry: 'never' })
  })

  it('in deflate may lack the header that the encoding should have', async () => {
    packed('deflate', deflateRawSync(whole))
    expect(await generate()).toMatchObject({ text: 'whole' })
    packed('deflate', deflateSync(whole))
    expect(await generate()).toMatchObject({ text: 'whole' })
  })

  it.each(['gzip', 'deflate', 'br', 'zstd'])(
    'that is no %s is not paid for again, because it would come so again',
    async (encoding) => {
      packed(encoding, whole)
      await expect(generate()).rejects.toMatchObject({ code: 'provider_bad_answer', retry: 'never' })
    },
  )

  it.each([
    ['gzip', gzipSync(whole)],
    ['deflate', deflateSync(whole)],
    ['deflate', deflateRawSync(whole)],
    ['br', brotliCompressSync(whole)],
    ['zstd', zstdCompressSync(whole)],
  ])('in %s that ends early may be asked for again', async (encoding, bytes) => {
    packed(encoding, bytes.subarray(0, 12))
    await expect(generate()).rejects.toMatchObject({ code: 'provider_bad_answer', retry: 'counted' })
  })
})

describe('an answer that is not UTF-8', () => {
  const sent = (bytes: Buffer, status = '200 OK') => {
    answer = (socket) => {
      socket.write(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`)
      // The first piece has half a character.
      socket.write(bytes.subarray(0, 1))
      setTimeout(() => socket.end(bytes.subarray(1)), 10)
    }
  }
  const little = (text: string) => Buffer.from(text, 'utf16le')

  it.each<[string, (text: string) => Buffer]>([
    ['UTF-16', (text) => little(`\uFEFF${text}`)],
    ['UTF-16 with the other byte first', (text) => little(`\uFEFF${text}`).swap16()],
    ['UTF-16 without a byte order mark', little],
    ['UTF-16 without one, with the other byte first', (text) => little(text).swap16()],
    ['UTF-8 with a byte order mark', (text) => Buffer.from(`\uFEFF${text}`)],
  ])('but %s is read, and so is its error', async (_, write) => {
    sent(write(sse(says('čaj', 'stop'), '[DONE]')))
    expect(await generate()).toMatchObject({ text: 'čaj' })
    sent(write(JSON.stringify({ error: { message: 'no čaj left' } })), '400 Bad')
    await expect(generate()).rejects.toMatchObject({ message: expect.stringContaining('no čaj left') })
  })

  it.each([
    ['UTF-32', Buffer.from('\u007b\0\0\0\u007d\0\0\0', 'latin1')],
    ['no text', Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16])],
  ])('but %s is not paid for again', async (_, bytes) => {
    sent(bytes)
    await expect(generate()).rejects.toMatchObject({
      code: 'provider_bad_answer',
      retry: 'never',
      message: expect.stringContaining('not text in UTF-8'),
    })
  })
})

describe('an error in the stream that is nested 100,000 deep', () => {
  const nested = `${'{"error":'.repeat(100_000)}1${'}'.repeat(100_000)}`
  it('ends the call with an error that says so, and what was used before it is counted', async () => {
    const usage = { prompt_tokens: 7, completion_tokens: 3 }
    answer = (socket) => void socket.end(`${HEAD}\r\n${sse(JSON.stringify({ choices: [], usage }), nested)}`)
    await expect(generate()).rejects.toMatchObject({
      code: 'provider_bad_answer',
      message: expect.stringContaining('nested deeper than'),
      usage: { inputTokens: 7, outputTokens: 3 },
    })
  })

  it('as a whole answer, or with an error status, is an error of the provider', async () => {
    for (const status of ['200 OK', '400 Bad']) {
      answer = (socket) => void socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n${nested}`)
      const error = await generate().catch((failure) => failure)
      expect(error).toMatchObject({ provider: 'openai' })
      expect(error.message).not.toContain('call stack')
    }
  })
})

it('a text with half a character has a replacement for it, as in every other encoding', async () => {
  stream(says('a\ud83d'), says('\ude00b\ud83d'), says('c', 'stop'))
  expect(await generate()).toMatchObject({ text: 'a😀b\ufffdc' })
})

function abortSoon(reason: Error): AbortSignal {
  const controller = new AbortController()
  setTimeout(() => controller.abort(reason), 100)
  return controller.signal
}

import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createClient } from '../../lib/client/client.ts'
import { readEvents } from '../../lib/client/events.ts'
import type { TaskEvent } from '../../lib/client/types.ts'
import { hasBrowser, openBrowser } from '../fixtures/browser.ts'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
let api: ReturnType<typeof createClient>

beforeAll(async () => {
  running = await startTestRuntime()
  client = new Client(running.url)
  api = createClient({ url: running.url })
})
afterAll(() => running.stop())

/** A model that returns some fifty words within a number of seconds. */
const speak = (seconds: number) =>
  client.submit({ prompt: 'Say something.', model: `simulated-slow-${seconds}` })
const open = (id: string, headers: Record<string, string> = {}, query = '') =>
  fetch(`${running.url}/api/v1/tasks/${id}/events${query}`, { headers })
const resultOf = async (id: string) => (await client.done(id)).result as unknown as string
/** The text of all pieces. A piece at position 0 starts the text again, and no piece may leave a gap. */
function textOf(events: readonly TaskEvent[]): string {
  let text = ''
  for (const { event, data } of events) {
    if (event !== 'text-delta') continue
    expect([0, text.length]).toContain(data.offset)
    text = text.slice(0, data.offset) + data.text
  }
  return text
}

describe('the events of a task', () => {
  it('report status, progress and every piece of text as it comes, then the end', async () => {
    const { id } = await speak(6)
    const events: TaskEvent[] = []
    for await (const event of api.tasks.events(id)) events.push(event)
    expect(textOf(events)).toBe(await resultOf(id))
    expect(events.filter(({ event }) => event === 'text-delta').length).toBeGreaterThan(3)
    expect(events.at(-1)).toMatchObject({ event: 'end', data: { id, status: 'COMPLETED' } })
    const statuses = events.flatMap(({ event, data }) => (event === 'status' ? data.status : []))
    expect(statuses.at(0)).toMatch(/PENDING|PROCESSING/)
    expect(statuses.at(-1)).toBe('COMPLETED')
    expect(new Set(events.map((event) => event.id)).size).toBe(events.length)
  })

  it('a reader that is cut off twenty times gets every piece once, in order', async () => {
    const { id } = await speak(12)
    const pieces: string[] = []
    let last: string | undefined
    let hasEnded = false
    let cuts = 0
    while (!hasEnded) {
      const stop = new AbortController()
      const options = { signal: stop.signal, ...(last === undefined ? {} : { after: last }) }
      try {
        for await (const event of api.tasks.events(id, options)) {
          last = event.id
          if (event.event === 'text-delta') pieces.push(event.data.text)
          hasEnded = event.event === 'end'
          if (!hasEnded && event.event === 'text-delta' && cuts < 20) break
        }
      } finally {
        stop.abort()
      }
      cuts += 1
    }
    expect(cuts).toBeGreaterThan(10)
    expect(pieces.join('')).toBe(await resultOf(id))
  })

  it('continue after the id in the header or in the query, and 204 says that there is nothing more', async () => {
    const { id } = await client.submit({ type: 'example.add', input: { x: 1, y: 2 } })
    await client.done(id)
    const all: { id: string; event: string }[] = []
    const first = await open(id)
    expect(first.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(first.headers.get('cache-control')).toContain('no-cache')
    if (first.body) for await (const event of readEvents(first.body, () => undefined)) all.push(event)
    expect(all.map(({ event }) => event)).toEqual(['status', 'end'])
    const [status, end] = all.map((event) => event.id)
    expect((await open(id, { 'last-event-id': end ?? '' })).status).toBe(204)
    const again = await (await open(id, {}, `?starting_after=${status}`)).text()
    expect(again).toContain('event: end')
    expect(again).not.toContain('event: status')
    const wrong = await open(id, { 'last-event-id': 'nonsense' })
    expect([wrong.status, (await wrong.json()).errors[0].path]).toEqual([422, 'Last-Event-ID'])
    expect((await open('unknown')).status).toBe(404)
    // More often than the stage has places.
    for (let times = 0; times < 24; times += 1) {
      const head = await fetch(`${running.url}/api/v1/tasks/${id}/events`, { method: 'HEAD' })
      expect([head.status, await head.text()]).toEqual([200, ''])
    }
    expect(await (await open(id)).text()).toContain('retry: 1000')
  })

  it('a reader that is cut off more often than there are places keeps its own', async () => {
    const { id } = await speak(12)
    const retries = new Set<number>()
    let last: string | undefined
    for (let cut = 0; cut < 30; cut += 1) {
      const stop = new AbortController()
      const headers: Record<string, string> = last === undefined ? {} : { 'last-event-id': last }
      const { body } = await fetch(`${running.url}/api/v1/tasks/${id}/events`, {
        headers,
        signal: stop.signal,
      })
      if (body)
        for await (const event of readEvents(body, (ms) => void retries.add(ms))) {
          last = event.id
          break
        }
      stop.abort()
    }
    expect([...retries]).toEqual([1_000])
    await client.done(id)
  })

  it('have as many readers as the stage allows; the others get the state and when to retry', async () => {
    // Waits until all have arrived, also on a busy machine.
    const { id } = await speak(25)
    const stop = new AbortController()
    const url = `${running.url}/api/v1/tasks/${id}/events`
    const opened = await Promise.all(
      Array.from({ length: 26 }, async () => {
        const { body } = await fetch(url, { signal: stop.signal })
        let retryMs = 0
        const events: string[] = []
        if (body)
          for await (const { event } of readEvents(body, (ms) => {
            retryMs = ms
          }))
            events.push(event)
        return { retryMs, events }
      }),
    )
    const away = opened.filter(({ retryMs }) => retryMs === 5_000)
    expect(away.length).toBeGreaterThanOrEqual(6)
    expect(away.every(({ events }) => events[0] === 'status' && !events.includes('end'))).toBe(true)
    expect(opened.filter(({ events }) => events.at(-1) === 'end').length).toBe(26 - away.length)
  })

  it('arrive through a proxy that forwards only pieces of 1 kB', async () => {
    const proxy = createServer((incoming, outgoing) => {
      const { hostname, port } = new URL(running.url)
      const asked = request({ hostname, port, path: incoming.url, headers: incoming.headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        let held = Buffer.alloc(0)
        answer.on('data', (bytes: Buffer) => {
          held = Buffer.concat([held, bytes])
          if (held.length < 1_024) return
          outgoing.write(held)
          held = Buffer.alloc(0)
        })
        answer.on('end', () => outgoing.end(held))
      })
      asked.end()
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void proxy.close())
    await once(proxy, 'listening')
    const through = createClient({ url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` })
    const { id } = await speak(4)
    const events: TaskEvent[] = []
    for await (const event of through.tasks.events(id)) events.push(event)
    expect(textOf(events)).toBe(await resultOf(id))
  })
})

describe.skipIf(!hasBrowser)('EventSource in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser.close())

  it('reads the events, and does not reconnect after the end', async () => {
    const page = await browser.newPage()
    await page.goto(`${running.url}/console`)
    const { id } = await speak(4)
    const seen = await page.evaluate(async (path) => {
      const events: { event: string; data: string }[] = []
      let openings = 0
      await new Promise<void>((resolve) => {
        const source = new EventSource(path)
        source.onopen = () => {
          openings += 1
        }
        for (const event of ['status', 'progress', 'text-delta', 'end'])
          source.addEventListener(event, (message) =>
            events.push({ event, data: (message as MessageEvent<string>).data }),
          )
        // After a 204 it does not reconnect.
        source.onerror = () => {
          if (source.readyState === EventSource.CLOSED) resolve()
        }
      })
      return { events, openings }
    }, `/api/v1/tasks/${id}/events`)
    const text = seen.events
      .filter(({ event }) => event === 'text-delta')
      .map(({ data }) => (JSON.parse(data) as { text: string }).text)
      .join('')
    expect(text).toBe(await resultOf(id))
    expect(seen.events.filter(({ event }) => event === 'end').length).toBe(1)
    expect(seen.openings).toBe(1)
    await page.close()
  })
})

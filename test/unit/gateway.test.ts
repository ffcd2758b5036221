import { connect } from 'node:net'
import type { APIGatewayProxyEvent } from 'aws-lambda'
import { afterEach, describe, expect, it } from 'vitest'
import { toRequest } from '../../functions/hosts/http.ts'
import { Gateway } from '../../lib/local/emulator/gateway/gateway.ts'
import type { ApiPlan } from '../../lib/local/emulator/template/plan.ts'
import { FIELDS, WAYS } from '../fixtures/gateway-events.ts'

const plan: ApiPlan = {
  name: 'TaskRunner-local',
  stageName: 'live',
  methods: [
    {
      path: '/api/v1/tasks/{id}',
      method: 'GET',
      functionName: 'reads',
      isStreamed: false,
      timeoutMs: 29_000,
    },
  ],
  answers: {},
}

let gateway: Gateway | undefined
afterEach(() => gateway?.close())

/** Serves the API below a base path, and answers with the event that the function got. */
async function serve(basePath: string): Promise<(path: string) => Promise<APIGatewayProxyEvent>> {
  gateway = new Gateway({
    port: 0,
    region: 'eu-central-1',
    home: '/console',
    ...(basePath ? { basePath } : {}),
  })
  gateway.serve(plan, async (_name, event) => JSON.stringify({ statusCode: 200, body: event }))
  const port = await gateway.listen()
  return async (path) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    expect(answer.status).toBe(200)
    return (await answer.json()) as APIGatewayProxyEvent
  }
}

describe('the local gateway’s own answers, before an API is known or a request is read', () => {
  it.each([
    ['GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 503, 'unavailable'],
    ['\0\0\r\n\r\n', 400, 'bad_request'],
    ['GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'bad_request'],
    [
      'GET / HTTP/1.1\r\nHost: localhost\r\nExpect: tea\r\nConnection: close\r\n\r\n',
      417,
      'expectation_failed',
    ],
    // HTTP 1.0 needs no host.
    ['GET / HTTP/1.0\r\n\r\n', 503, 'unavailable'],
    [`GET / HTTP/1.1\r\nHost: localhost\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`, 431, 'headers_too_large'],
    [
      `GET / HTTP/1.1\r\nHost: localhost\r\nx: ${'a'.repeat(12_000)}\r\nConnection: close\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    ['GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n', 403, 'forbidden'],
  ])('%j is a problem document (%i)', async (text, status, code) => {
    gateway = new Gateway({ port: 0, region: 'eu-central-1', home: '/console' })
    const port = await gateway.listen()
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(text))
      let got = ''
      socket.on('data', (bytes) => {
        got += bytes.toString('latin1')
        if (got.includes('\r\n\r\n') && !got.endsWith('\r\n\r\n')) socket.end()
      })
      socket.on('close', () => resolve(got)).on('error', reject)
    })
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer.toLowerCase()).toContain('content-type: application/problem+json')
    expect(JSON.parse(/\{.*\}/.exec(answer)?.[0] ?? '')).toMatchObject({ status, code })
  })
})

describe('a connection to the local gateway', () => {
  it('stays open for longer than clients leave it idle, so that none is closed under a request', async () => {
    gateway = new Gateway({ port: 0, region: 'eu-central-1', home: '/console' })
    const answer = await fetch(`http://127.0.0.1:${await gateway.listen()}/`)
    const [, seconds] = /timeout=(\d+)/.exec(answer.headers.get('keep-alive') ?? '') ?? []
    expect(Number(seconds)).toBeGreaterThan(60)
  })
})

it('the local gateway’s answer to HEAD states no length, because the function gives no body', async () => {
  gateway = new Gateway({ port: 0, region: 'eu-central-1', home: '/console' })
  const methods = plan.methods.map((method) => ({ ...method, method: 'ANY' }))
  gateway.serve({ ...plan, methods }, async () => JSON.stringify({ statusCode: 200, body: '' }))
  const url = `http://127.0.0.1:${await gateway.listen()}/api/v1/tasks/abc`
  const lengthOf = async (method: string) => (await fetch(url, { method })).headers.get('content-length')
  expect([await lengthOf('HEAD'), await lengthOf('GET')]).toEqual([null, '0'])
})

describe('a function that the local gateway waits for', () => {
  const limited = { ...plan, methods: plan.methods.map((method) => ({ ...method, timeoutMs: 40 })) }
  const askSlow = async (work: Promise<unknown>) => {
    gateway = new Gateway({ port: 0, region: 'eu-central-1', home: '/console' })
    gateway.serve(limited, async () => {
      await work
      return JSON.stringify({ statusCode: 200 })
    })
    return (await fetch(`http://127.0.0.1:${await gateway.listen()}/api/v1/tasks/abc`)).status
  }

  it('may answer later than on AWS, because the machine is busy', async () => {
    expect(await askSlow(new Promise((resolve) => setTimeout(resolve, 60)))).toBe(200)
  })

  it('does not hold its caller for ever', async () => {
    expect(await askSlow(new Promise(() => undefined))).toBe(504)
  })
})

describe('the local gateway’s event', () => {
  it.each(WAYS)('by $name has the paths that AWS sends, and its links work', async (way) => {
    const get = await serve(way.isCutFromPath ? '' : way.prefix)
    const event = await get(`${way.prefix}/api/v1/tasks/abc`)
    expect(event).toMatchObject({
      resource: '/api/v1/tasks/{id}',
      path: `${way.isCutFromPath ? '' : way.prefix}/api/v1/tasks/abc`,
      pathParameters: { id: 'abc' },
      requestContext: {
        path: `${way.prefix}/api/v1/tasks/abc`,
        resourcePath: '/api/v1/tasks/{id}',
        stage: 'live',
      },
    })
    expect(toRequest(event).base).toBe(`${way.prefix}/api/v1`)
  })

  it('has every field that an event of AWS has', async () => {
    const event = await (await serve(''))('/api/v1/tasks/abc?a=1')
    const { requestContext } = event
    expect(Object.keys(event)).toEqual(expect.arrayContaining([...FIELDS.event]))
    expect(Object.keys(requestContext)).toEqual(expect.arrayContaining([...FIELDS.requestContext]))
    expect(Object.keys(requestContext.identity)).toEqual(expect.arrayContaining([...FIELDS.identity]))
    expect(requestContext.requestTime).toMatch(/^\d{2}\/[A-Z][a-z]{2}\/\d{4}:\d{2}:\d{2}:\d{2} \+0000$/)
    expect(event.headers).toMatchObject({ 'X-Forwarded-For': '127.0.0.1', 'X-Forwarded-Proto': 'http' })
  })

  it('does not read a path that only starts with the stage’s letters as the stage', async () => {
    gateway = new Gateway({ port: 0, region: 'eu-central-1', home: '/console' })
    gateway.serve(plan, async () => JSON.stringify({ statusCode: 200 }))
    const port = await gateway.listen()
    const answer = await fetch(`http://127.0.0.1:${port}/lively/api/v1/tasks/abc`)
    expect(answer.status).toBe(403)
  })
})

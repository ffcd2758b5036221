import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { prepareState, type RunningProcess, startProcess, startTestRuntime } from '../fixtures/running.ts'

let state: string
let running: RunningProcess
let ports: readonly number[]
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'runner-ports-'))
  const env = { OPENAI_API_KEY: 'sk-secret-of-this-test' }
  await prepareState(state, env)
  running = await startProcess(['--port', '0'], env, state)
  ports = portsOf(running.child.pid as number)
})
afterAll(async () => {
  await running.end('SIGTERM')
  await rm(state, { recursive: true, force: true })
})

/**
 * Every TCP port on which a process listens, from the kernel's own tables, so that a new one is found without a change here.
 */
function portsOf(pid: number): readonly number[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return []
      }
    }),
  )
  const LISTEN = '0A'
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((cells) => cells[3] === LISTEN && sockets.has(cells[9] ?? ''))
      .map((cells) => {
        expect(cells[1], 'a port that is not on loopback').toMatch(/^0100007F:/)
        return Number.parseInt(cells[1]?.split(':')[1] ?? '', 16)
      }),
  )
}

/** With any header, `Host` too, which `fetch` would not send. */
const send = (port: number, method: string, path: string, headers: Record<string, string>, body = '') =>
  new Promise<{ status: number; text: string }>((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, method, path, headers }, async (answer) => {
      const chunks: Buffer[] = []
      for await (const chunk of answer) chunks.push(chunk as Buffer)
      resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() })
    })
    call.on('error', reject)
    call.end(body)
  })

const HOSTILE: readonly Readonly<Record<string, string>>[] = [
  { origin: 'https://evil.example' },
  { origin: 'http://localhost.evil.example' },
  { origin: 'http://127.0.0.1.evil.example:3000' },
  { origin: 'http://localhost@evil.example' },
  { origin: 'null' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
  { host: 'evil.example' },
  { host: 'evil.example:3000' },
  { host: 'localhost.evil.example' },
  { host: '169.254.169.254' },
  // Other names and notations of this machine's address.
  { host: 'localhost.' },
  { host: '127.0.0.1.nip.io' },
  { host: '0.0.0.0' },
  { host: '127.1' },
  { host: '2130706433' },
  { host: '[::ffff:127.0.0.1]' },
  { host: 'localhost:80@evil.example' },
  { origin: 'http://localhost:1@evil.example' },
  { origin: 'http://[::1].evil.example' },
  { origin: 'HTTP://EVIL.EXAMPLE' },
  { origin: 'file://' },
  { origin: 'chrome-extension://abc' },
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
]
const AIMS: readonly (readonly [string, string, Record<string, string>, string])[] = [
  ['GET', '/', {}, ''],
  ['GET', '/api/v1/tasks', {}, ''],
  ['GET', '/console', {}, ''],
  ['OPTIONS', '/api/v1/tasks', { 'access-control-request-method': 'POST' }, ''],
  ['POST', '/api/v1/queues/ai/pause', {}, ''],
  ['POST', '/console/call', { 'content-type': 'application/json' }, '{}'],
  [
    'POST',
    '/',
    { 'x-amz-target': 'DynamoDB_20120810.ListTables', 'content-type': 'application/x-amz-json-1.0' },
    '{}',
  ],
  [
    'POST',
    '/',
    { 'x-amz-target': 'AmazonSQS.ListQueues', 'content-type': 'application/x-amz-json-1.0' },
    '{}',
  ],
  ['POST', '/', { 'x-amz-target': 'AmazonSSM.GetParameter' }, '{"Name":"/taskrunner/local/openai-api-key"}'],
  ['PUT', '/2015-03-31/event-source-mappings/any', {}, '{"Enabled":false}'],
  ['TRACE', '/api/v1/tasks', {}, ''],
  ['PROPFIND', '/console', {}, ''],
  [
    'GET',
    '/api/v1/tasks/x/events',
    {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
    },
    '',
  ],
]

describe('every port of a local run', () => {
  it('is in this list: the API with the console, the table, queues and bucket, parameters, control', () => {
    expect(ports.length).toBeGreaterThanOrEqual(5)
    expect(ports).toContain(Number(new URL(running.url).port))
  })

  it('refuses web pages of other origins and host names of other machines, whatever they request', async () => {
    const attack = async (port: number, hostile: (typeof HOSTILE)[number]) => {
      for (const [method, path, headers, body] of AIMS) {
        const { status, text } = await send(port, method, path, { ...headers, ...hostile }, body)
        expect(status, `${method} ${path} ${JSON.stringify(hostile)}`).toBe(403)
        expect(text).not.toContain('sk-secret')
      }
    }
    await Promise.all(ports.flatMap((port) => HOSTILE.map((hostile) => attack(port, hostile))))
  })

  it('refuses a request that names two hosts, and accepts no other protocol', async () => {
    const raw = (port: number, text: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(text))
        let got = ''
        socket.on('data', (bytes) => {
          got += bytes.toString('latin1')
        })
        socket.on('close', () => resolve(got)).on('error', reject)
      })
    for (const port of ports) {
      const end = 'connection: close\r\ncontent-length: 0\r\n\r\n'
      const two = await raw(port, `POST / HTTP/1.1\r\nhost: localhost\r\nHost: evil.example\r\n${end}`)
      expect(two).toMatch(/^HTTP\/1.1 403 /)
      expect(await raw(port, 'CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n\r\n')).toBe('')
      expect(await raw(port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
    }
  })

  it('except the API’s requires the secret of this run', async () => {
    const own = Number(new URL(running.url).port)
    const forged = {
      authorization: `AWS4-HMAC-SHA256 Credential=local/20261125/eu-central-1/ssm/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
    }
    for (const port of ports.filter((one) => one !== own))
      for (const extra of [{}, forged])
        for (const [method, path, headers, body] of AIMS.filter(([verb]) => verb !== 'OPTIONS')) {
          const { status, text } = await send(port, method, path, { ...headers, ...extra }, body)
          expect(status, `${method} ${path}`).toBe(403)
          expect(text).toContain('not signed')
        }
  })

  it('serves programs without these headers, and pages of this machine', async () => {
    const own = Number(new URL(running.url).port)
    expect((await send(own, 'GET', '/api/v1/health', {})).status).toBe(200)
    expect((await send(own, 'POST', '/api/v1/queues/email/pause', {})).status).toBe(200)
    const origin = 'http://localhost:5173'
    expect((await send(own, 'POST', '/api/v1/queues/email/resume', { origin })).status).toBe(200)
  })

  it('keeps its state unreadable for other users of the machine', () => {
    expect(statSync(state).mode & 0o777).toBe(0o700)
    for (const name of ['running.json', 'table/table.sqlite'])
      expect(statSync(join(state, name)).mode & 0o077, name).toBe(0)
    for (const name of readdirSync(join(state, 'logs')))
      expect(statSync(join(state, 'logs', name)).mode & 0o077, name).toBe(0)
  })
})

describe('the secret of a run', () => {
  it('gives access to the parameters; another secret, or a changed request, does not', async () => {
    const runtime = await startTestRuntime({ OPENAI_API_KEY: 'sk-secret-of-this-test' })
    const ask = (credentials: { accessKeyId: string; secretAccessKey: string }) => {
      const ssm = new SSMClient({
        endpoint: runtime.endpoints.ssm,
        region: 'eu-central-1',
        credentials,
        maxAttempts: 1,
      })
      return ssm.send(new GetParameterCommand({ Name: '/taskrunner/local/openai-api-key' }))
    }
    expect((await ask(runtime.credentials)).Parameter?.Value).toBe('sk-secret-of-this-test')
    await expect(ask({ accessKeyId: 'local', secretAccessKey: 'local' })).rejects.toThrow('not signed')
    await expect(ask({ ...runtime.credentials, secretAccessKey: 'guessed' })).rejects.toThrow('not signed')
    await runtime.stop()
  })

  it('is new at each start', async () => {
    const first = await startTestRuntime()
    const second = await startTestRuntime()
    expect(first.credentials.accessKeyId).not.toBe(second.credentials.accessKeyId)
    expect(first.credentials.secretAccessKey).not.toBe(second.credentials.secretAccessKey)
    await Promise.all([first.stop(), second.stop()])
  })
})

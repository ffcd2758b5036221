import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { HttpSender } from '../../functions/core/adapters/webhooks/http-sender.ts'
import { isPublicAddress, refusalOfUrl } from '../../functions/core/adapters/webhooks/public-address.ts'

const REFUSED = [
  'http://example.com/hook',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:6379/_FLUSHALL',
  'javascript:alert(1)',
  'not a url',
  '',
  'https://',
  'https://user:password@example.com/',
  'https://example.com@127.0.0.1/',
  'https://127.0.0.1/',
  'https://127.1/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0x7f.0.0.1/',
  'https://0177.0.0.1/',
  'https://0/',
  'https://0.0.0.0/',
  'https://localhost/',
  'https://localhost./',
  'https://LOCALHOST:8443/',
  'https://intranet/',
  'https://printer.local/',
  'https://metadata.google.internal/computeMetadata/v1/',
  'https://169.254.169.254/latest/meta-data/',
  'https://169.254.170.2/v2/credentials',
  'https://2852039166/',
  'https://[fd00:ec2::254]/latest/meta-data/',
  'https://10.0.0.1/',
  'https://172.16.0.1/',
  'https://172.31.255.255/',
  'https://192.168.1.1/',
  'https://100.64.0.1/',
  'https://100.100.100.200/',
  'https://192.0.0.1/',
  'https://192.0.2.1/',
  'https://198.18.0.1/',
  'https://224.0.0.1/',
  'https://255.255.255.255/',
  'https://240.0.0.1/',
  'https://[::1]/',
  'https://[::]/',
  'https://[fe80::1]/',
  'https://[fec0::1]/',
  'https://[fc00::1]/',
  'https://[ff02::1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:8.8.8.8]/',
  'https://[::127.0.0.1]/',
  'https://[2002:7f00:1::]/',
  'https://[64:ff9b::7f00:1]/',
  'https://[64:ff9b:1::7f00:1]/',
  'https://[2001:0:7f00:1::]/',
  'https://[2001:db8::1]/',
  'https://①②⑦.⓪.⓪.①/',
  'https://127。0。0。1/',
]

describe('the URL of a webhook', () => {
  it.each(REFUSED)('%s is refused before anything is sent', async (url) => {
    expect(refusalOfUrl(url, false)).toEqual(expect.any(String))
    const sender = new HttpSender({ allowsLoopback: false, lookup: () => Promise.reject(new Error('asked')) })
    expect(await sender.send(url, {}, '{}')).toMatchObject({ isFinal: true })
  })

  it.each([
    'https://example.com/hook',
    'https://example.com:8443/a?b=c#d',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
    'https://bücher.example.com/',
  ])('%s passes', (url) => expect(refusalOfUrl(url, false)).toBeUndefined())

  it('on a developer’s machine may use http to that machine only', () => {
    expect(refusalOfUrl('http://localhost:4000/hook', true)).toBeUndefined()
    expect(refusalOfUrl('http://127.0.0.1:4000/hook', true)).toBeUndefined()
    expect(refusalOfUrl('http://[::1]:4000/hook', true)).toBeUndefined()
    expect(refusalOfUrl('http://192.168.1.1/', true)).toEqual(expect.any(String))
    expect(refusalOfUrl('https://169.254.169.254/', true)).toEqual(expect.any(String))
    expect(refusalOfUrl('http://example.com/', true)).toEqual(expect.any(String))
  })
})

describe('a host name', () => {
  const outcomeOf = (addresses: readonly string[]) =>
    new HttpSender({ allowsLoopback: true, timeoutMs: 2_000, lookup: async () => addresses }).send(
      'https://hook.example.com/',
      {},
      '{}',
    )

  it.each([
    ['127.0.0.1'],
    ['169.254.169.254'],
    ['10.1.2.3'],
    ['::ffff:10.1.2.3'],
    ['fd00:ec2::254'],
    ['8.8.8.8', '10.0.0.1'],
    [],
  ])('that resolves to %s %s is refused for good', async (...addresses) => {
    const given = addresses.filter((address) => address !== undefined)
    expect(await outcomeOf(given)).toMatchObject({
      error: 'leads to an address that is not public',
      isFinal: true,
    })
  })

  it('is resolved once: a name server that changes its answer has no effect', async () => {
    let received = 0
    const server = createServer((_request, response) => {
      received += 1
      response.end()
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const asked: string[] = []
    // A public address at the first lookup, this machine at the second.
    const rebinding = async (host: string) => {
      asked.push(host)
      return asked.length === 1 ? ['203.0.114.1'] : ['127.0.0.1']
    }
    const sender = new HttpSender({ allowsLoopback: false, timeoutMs: 300, lookup: rebinding })
    expect(await sender.send(`https://hook.example.com:${port}/`, {}, '{}')).toHaveProperty('error')
    expect(asked).toEqual(['hook.example.com'])
    expect(received).toBe(0)
    server.close()
  })

  it('with IPv4 and IPv6 addresses uses IPv4, because a function outside a VPC must', async () => {
    const server = createServer((_request, response) => response.end()).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const sender = new HttpSender({ allowsLoopback: true, lookup: async () => ['::1', '127.0.0.1'] })
    expect(await sender.send(`http://localhost:${port}/`, {}, '{}')).toMatchObject({ status: 200 })
    server.close()
  })

  it('whose server never answers fails in time', async () => {
    const sender = new HttpSender({
      allowsLoopback: false,
      timeoutMs: 50,
      lookup: () => new Promise(() => {}),
    })
    expect(await sender.send('https://hook.example.com/', {}, '{}')).toMatchObject({
      error: 'no answer within 0.05 s',
    })
  })
})

it('only unicast addresses of the internet are public', () => {
  expect(isPublicAddress('93.184.215.14')).toBe(true)
  expect(isPublicAddress('2606:2800:21f:cb07:6820:80da:af6b:8b2c')).toBe(true)
  expect(isPublicAddress('hook.example.com')).toBe(false)
  expect(isPublicAddress('fe80::1%eth0')).toBe(false)
})

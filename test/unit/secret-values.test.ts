import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createModelProviders } from '../../functions/core/adapters/providers/model-providers.ts'
import { systemClock } from '../../functions/core/adapters/system/clock.ts'
import { createLog } from '../../functions/core/adapters/system/log.ts'
import { openTaskConsole } from '../../functions/core/adapters/system/task-console.ts'
import { failureFields } from '../../functions/core/application/run/failure-fields.ts'
import { TaskError } from '../../functions/core/domain/errors.ts'
import { maskOf, SecretValues } from '../../functions/core/domain/secret-values.ts'

const KEY = 'qq7/Zr"1.no:known=shape'

const escaped = (start: string): string =>
  [...KEY].map((character) => start + character.charCodeAt(0).toString(16)).join('')

function withKey(): SecretValues {
  const secrets = new SecretValues()
  secrets.add(KEY)
  return secrets
}

describe('SecretValues', () => {
  it.each([
    ['as it is', KEY],
    ['in a URL', encodeURIComponent(KEY)],
    ['in JSON', JSON.stringify(KEY)],
    ['in base64', Buffer.from(KEY).toString('base64')],
    ['in base64 of a URL', Buffer.from(KEY).toString('base64url')],
    ['twice', `${KEY} ${KEY}`],
    ['in capitals', KEY.toUpperCase()],
    ['in small letters', KEY.toLowerCase()],
    ['in a URL with small digits', encodeURIComponent(KEY).toLowerCase()],
    ['in a URL, each character', [...Buffer.from(KEY)].map((byte) => `%${byte.toString(16)}`).join('')],
    ['in a URL, twice', encodeURIComponent(encodeURIComponent(KEY))],
    ['in JSON, each character', escaped('\\u00')],
    ['in JSON in JSON, each character', escaped('\\\\u00')],
    ['in JSON with its slashes', KEY.replaceAll('/', '\\/').replaceAll('"', '\\"')],
    ['as JavaScript', escaped('\\x')],
    ['as a page', [...KEY].map((character) => `&#${character.charCodeAt(0)};`).join('')],
    ['as HTML, written by hand', KEY.replaceAll('"', '&quot;')],
    ['in hexadecimal', Buffer.from(KEY).toString('hex')],
    ['behind a user in base64', Buffer.from(`u:${KEY}`).toString('base64')],
    ['behind another user in base64', Buffer.from(`me:${KEY}`).toString('base64')],
    ['amid a header in base64', Buffer.from(`Bearer ${KEY} x`).toString('base64url')],
  ])('hides a secret %s', (_, text) => {
    const masked = withKey().mask(`before ${text} after`)
    expect(masked).toMatch(/^before .*….* after$/s)
    expect(masked).not.toContain('Zr')
    expect(masked.length).toBeLessThan(45)
  })

  it.each(['', '…'])('hides the rest of a secret in a clipped text, followed by %j', (behind) => {
    expect(withKey().mask(`a key: ${KEY.slice(0, 14)}${behind}`)).toBe('a key: …')
    expect(withKey().mask(`a key: ${KEY.slice(0, 5)}${behind}`)).toBe(`a key: ${KEY.slice(0, 5)}${behind}`)
  })

  it.each([1, 2, 3, 5, 8, 100])('hides a secret in a text that arrives in pieces of %i', (size) => {
    const text = `q qq a ${KEY} b %2 ${encodeURIComponent(KEY)} & \\ ${Buffer.from(KEY).toString('base64')} qq7`
    const given: string[] = []
    const pieces = maskOf([KEY]).pieces((piece) => given.push(piece))
    for (let at = 0; at < text.length; at += size) pieces.add(text.slice(at, at + size))
    pieces.end()
    expect(given.join('')).toBe('q qq a … b %2 … & \\ … qq7')
  })

  it('passes on a piece at once when no secret can start in it', () => {
    const given: string[] = []
    maskOf([KEY])
      .pieces((piece) => given.push(piece))
      .add('hello, wor')
    expect(given).toEqual(['hello, wor'])
  })

  it('hides a secret in errors, names of fields and deep values', () => {
    const secrets = withKey()
    const error = secrets.maskAll(new TypeError(`no ${KEY}`, { cause: new Error(KEY) }))
    expect(error).toBeInstanceOf(TypeError)
    expect(inspect(error)).toContain('TypeError: no …')
    expect(inspect([error, secrets.maskAll({ [KEY]: 1 })], { depth: 30 })).not.toContain('Zr')
    let deep: unknown = KEY
    for (let level = 0; level < 40; level += 1) deep = { deep }
    expect(JSON.stringify(secrets.maskAll(deep))).not.toContain('Zr')
  })

  it('keeps a date that is also the API version in a URL', () => {
    const secrets = new SecretValues()
    secrets.addFromUrl('https://mine.openai.azure.test/?api-version=2024-10-21')
    expect(secrets.mask('Written on 2024-10-21.')).toBe('Written on 2024-10-21.')
  })

  it('hides a secret in every text of a value, however deep, and keeps the rest', () => {
    expect(withKey().maskAll({ a: [{ b: `x${KEY}` }], n: 3, none: null })).toEqual({
      a: [{ b: 'x…' }],
      n: 3,
      none: null,
    })
  })

  it('includes user, password and query of a URL', () => {
    const secrets = new SecretValues()
    secrets.addFromUrl('https://robot-7:p%40ssw0rd-1@proxy.test:8080/?sig=AbC123xyz')
    secrets.addFromUrl('not an address')
    secrets.addFromUrl(undefined)
    expect(secrets.mask('p@ssw0rd-1 p%40ssw0rd-1 AbC123xyz')).toBe('… … …')
    const basic = Buffer.from('robot-7:p@ssw0rd-1').toString('base64')
    expect(secrets.mask(`authorization ${basic}`)).toBe('authorization …')
  })

  it('hides the longer of two overlapping secrets', () => {
    const secrets = new SecretValues()
    secrets.add('abcdefg1')
    secrets.add('abcdefg1-and-more')
    expect(secrets.mask('abcdefg1-and-more')).toBe('…')
  })

  it.each(['', 'demo', 'lm-studio', 'ollama', '1234567'])('keeps the word %j', (word) => {
    const secrets = new SecretValues()
    secrets.add(word)
    expect(secrets.mask(`lane demo, lm-studio, ollama, 1234567`)).toBe(
      'lane demo, lm-studio, ollama, 1234567',
    )
  })
})

describe('a secret in a log', () => {
  function capture(run: () => void): string {
    const lines: unknown[] = []
    const methods = ['info', 'warn', 'error', 'log'] as const
    const before = methods.map((method) => console[method])
    const write = process.stdout.write
    for (const method of methods) console[method] = (...values: unknown[]) => lines.push(values)
    process.stdout.write = ((text: string) => lines.push(text)) as never
    try {
      run()
    } finally {
      methods.forEach((method, at) => {
        console[method] = before[at] as never
      })
      process.stdout.write = write
    }
    return JSON.stringify(lines)
  }

  it('is masked in every event, with metrics and without', () => {
    const secrets = withKey()
    const written = capture(() => {
      const log = createLog('test', secrets.maskAll)
      log('http.failed', { cause: `Error: header ${KEY}` })
      log('task.failed', { type: 'text.generate', lane: 'ai', tenant: 't', message: KEY, stack: [KEY] })
    })
    expect(written).toContain('http.failed')
    expect(written).toContain('task.failed')
    expect(written).not.toContain('Zr')
  })

  it("is masked in an author's own console lines, inside a task and outside", () => {
    const secrets = withKey()
    const written = capture(() => {
      const inScope = openTaskConsole(secrets.maskAll)
      void inScope({ task_id: 't1' }, async () => console.log('key is %s', KEY, { key: KEY }))
      console.warn(`outside ${KEY}`, { key: KEY })
    })
    expect(written).toContain('key is …')
    expect(written).toContain('outside …')
    expect(written).not.toContain('Zr')
  })

  it('is known, for keys and passwords of URLs and proxies, from the moment they are read', async () => {
    const secrets = new SecretValues()
    const providers = createModelProviders({
      routes: { 'm-*': 'mine' },
      servers: { mine: { speaks: 'openai', baseUrl: 'http://user:base-pass-1@localhost:1/v1' } },
      readKey: async () => KEY,
      proxy: { HTTPS_PROXY: 'http://user:proxy-pass-1@localhost:2' },
      secrets,
      clock: systemClock,
    })
    await providers.forModel('m-1')
    expect(secrets.mask(`${KEY} base-pass-1 proxy-pass-1`)).toBe('… … …')
  })
})

it('a failure’s message for the log is masked before its end is cut off', () => {
  const mask = (text: string) => text.replaceAll('secret-0815', '…')
  const error = new TaskError(`${'x'.repeat(495)}secret-0815 was refused`, { code: 'refused' })
  expect(failureFields(error, mask).message).toBe(`${'x'.repeat(495)}… was`.slice(0, 500))
})

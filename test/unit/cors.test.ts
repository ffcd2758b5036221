import { describe, expect, it } from 'vitest'
import document from '../../functions/api/openapi.gen.json' with { type: 'json' }
import { ENV } from '../../functions/contract.ts'
import { corsHeaders } from '../../functions/hosts/cors.ts'
import { FUNCTION_ACCESS } from '../../lib/constructs/function-access.ts'

const allowed = (origins: readonly string[], origin: string) =>
  corsHeaders(origins, 'GET', { origin })['access-control-allow-origin']

describe('the allowed origins of a stage', () => {
  it.each([
    [['https://app.example.com'], 'https://app.example.com', true],
    [['https://app.example.com'], 'https://app.example.com.evil.example', false],
    [['https://app.example.com'], 'http://app.example.com', false],
    [['https://app.example.com'], 'https://app.example.com:8443', false],
    [['http://localhost:*'], 'http://localhost:5173', true],
    [['http://localhost:*'], 'http://localhost', true],
    [['http://localhost:*'], 'http://localhost:5173.evil.example', false],
    [['http://localhost:*'], 'http://localhost.evil.example:80', false],
    [['*'], 'https://anybody.example', true],
    [['https://a.example', 'https://b.example'], 'https://b.example', true],
  ] as const)('%j and %s', (origins, origin, expected) =>
    expect(allowed(origins, origin)).toBe(expected ? origin : undefined),
  )

  it('without origins no header is sent, with origins the answer varies by them', () => {
    expect(corsHeaders([], 'GET', { origin: 'https://app.example.com' })).toEqual({})
    expect(corsHeaders(['https://a.example'], 'GET', {})).toEqual({ vary: 'origin' })
  })

  it('are in the environment of every API function, and so are the callers and limits', () => {
    const answering = Object.entries(FUNCTION_ACCESS).filter(([bundle]) => bundle.startsWith('api-'))
    expect(answering.length).toBeGreaterThan(7)
    for (const [bundle, { optionalEnvironment = [] }] of answering) {
      const open = bundle === 'api-public'
      const wanted = [ENV.corsOrigins, ENV.auth, ENV.iamCallers, ...(open ? [] : [ENV.tenantLimits])]
      expect([bundle, wanted.filter((name) => !optionalEnvironment.includes(name))]).toEqual([bundle, []])
    }
  })

  it('a page may send every header that a route reads', () => {
    const preflight = { origin: 'https://a.example', 'access-control-request-method': 'POST' }
    const headers = corsHeaders(['*'], 'OPTIONS', preflight)['access-control-allow-headers'] ?? ''
    const read = JSON.stringify(document.paths).matchAll(/"in":"header","name":"([^"]+)"/g)
    const names = [...read].map(([, name = '']) => name.toLowerCase())
    expect(names).toContain('idempotency-key')
    const sent = new Set([...names, 'authorization', 'content-type', 'x-api-key'])
    expect(headers.split(', ').sort()).toEqual([...sent].sort())
  })
})

import type { APIGatewayProxyEvent } from 'aws-lambda'
import { describe, expect, it } from 'vitest'
import { allowedAt } from '../../functions/api/fallback-route.ts'
import { hashOf, parseSubmitBody } from '../../functions/api/schemas/submit.ts'
import { PROBLEM_STATUS, toProblem } from '../../functions/core/adapters/http/problem.ts'
import { RequestError, UnavailableError } from '../../functions/core/domain/errors.ts'
import { parseMessage } from '../../functions/core/domain/parse-message.ts'
import { toRequest } from '../../functions/hosts/http.ts'

const event = (changes: Partial<APIGatewayProxyEvent>): APIGatewayProxyEvent =>
  ({
    httpMethod: 'POST',
    path: '/api/v1/tasks',
    resource: '/api/v1/tasks',
    headers: { 'Content-Type': 'application/json' },
    body: '{}',
    isBase64Encoded: false,
    pathParameters: null,
    queryStringParameters: null,
    requestContext: { identity: {} },
    ...changes,
  }) as APIGatewayProxyEvent
const refused = (run: () => unknown): RequestError => {
  try {
    run()
  } catch (error) {
    if (error instanceof RequestError) return error
    throw error
  }
  throw new Error('was not refused')
}

describe('the body of a request', () => {
  it.each([
    ['{', 'malformed_json'],
    ['', 'malformed_json'],
    ['   ', 'malformed_json'],
    ['\u0000', 'malformed_json'],
    ['['.repeat(100_000), 'malformed_json'],
    ['['.repeat(5_000) + ']'.repeat(5_000), 'malformed_json'],
    [`"${'x'.repeat(6_000_001)}"`, 'payload_too_large'],
  ])('%.20s is refused as %s', (body, code) => {
    expect(refused(() => toRequest(event({ body })).json()).code).toBe(code)
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', undefined])(
    'content type %s is refused',
    (type) => {
      const headers = type === undefined ? {} : { 'content-type': type }
      expect(refused(() => toRequest(event({ headers })).json()).code).toBe('unsupported_media_type')
    },
  )

  it('is read whatever the case of the header, with parameters, in base64', () => {
    const body = Buffer.from('{"a":"é"}').toString('base64')
    const headers = { 'CONTENT-TYPE': 'application/json; charset=utf-8' }
    expect(toRequest(event({ body, isBase64Encoded: true, headers })).json()).toEqual({ a: 'é' })
  })

  it('never quotes the text around a mistake', () => {
    expect(refused(() => toRequest(event({ body: '{"secret": oops}' })).json()).message).not.toContain(
      'secret',
    )
  })
})

describe('a submission', () => {
  it('the short form is text.generate', () => {
    expect(parseSubmitBody({ prompt: 'hi', priority: 5 })).toMatchObject({
      type: 'text.generate',
      input: { prompt: 'hi' },
      priority: 5,
      tags: [],
    })
  })

  it.each([
    [{ prompt: 5 }, 'prompt'],
    [{}, 'prompt'],
    [{ prompt: 'x', priority: 11 }, 'priority'],
    [{ prompt: 'x', priority: 1.5 }, 'priority'],
    [{ prompt: 'x', promt: 'y' }, 'promt'],
    [{ type: 'a.b', input: {}, tags: ['', 'x'] }, 'tags.0'],
    [{ type: 'a.b', input: {}, delay_seconds: 1, run_at: '2030-01-01T00:00:00Z' }, 'run_at'],
    [{ type: 'a.b', input: {}, run_at: 'tomorrow' }, 'run_at'],
    [[], ''],
    [null, ''],
    ['x', ''],
    [JSON.parse('{"prompt":"x","__proto__":{"a":1}}'), '__proto__'],
  ])('%j is refused at %s', (body, path) => {
    const error = refused(() => parseSubmitBody(body))
    expect(error.code).toBe('invalid_request')
    expect(error.errors.map((one) => one.path)).toContain(path)
  })

  it('the same request in another order of fields has the same hash', () => {
    expect(hashOf({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(hashOf({ b: [{ d: 3, c: 2 }], a: 1 }))
    expect(hashOf({ a: 1 })).not.toBe(hashOf({ a: '1' }))
    expect(hashOf([1, 2])).not.toBe(hashOf([2, 1]))
  })
})

describe('problems', () => {
  it('every code of a request error has a status of the 4xx family', () => {
    for (const [code, status] of Object.entries(PROBLEM_STATUS))
      if (code !== 'unavailable' && code !== 'internal_error')
        expect(status).toSatisfy((n: number) => n >= 400 && n < 500)
  })

  it('an unknown error tells nothing of itself', () => {
    const { problem } = toProblem(new Error('password=hunter2'), '/x')
    expect(problem).toMatchObject({ status: 500, code: 'internal_error', instance: '/x' })
    expect(JSON.stringify(problem)).not.toContain('hunter2')
  })

  it('an outage says when to come back', () => {
    expect(toProblem(new UnavailableError('The table did not answer.'), '/x')).toMatchObject({
      problem: { status: 503 },
      headers: { 'retry-after': '1' },
    })
  })

  it('a path knows its methods, also behind a stage name', () => {
    expect(allowedAt('/api/v1/tasks')).toEqual(['GET', 'POST'])
    expect(allowedAt('/v1/api/v1/tasks/abc/cancel')).toEqual(['POST'])
    expect(allowedAt('/api/v1/nothing')).toEqual([])
    expect(allowedAt('/api/v1/openapixjson')).toEqual([])
  })
})

describe('a message', () => {
  it('is read in the one known version only', () => {
    const message = { v: 1, tenant: 'a', id: 'b', epoch: 1 }
    expect(parseMessage(JSON.stringify(message))).toEqual(message)
    expect(parseMessage(JSON.stringify({ ...message, more: 'of the next version' }))).toEqual(message)
    for (const body of [
      '',
      'null',
      '5',
      '{}',
      '[]',
      JSON.stringify({ ...message, v: 2 }),
      JSON.stringify({ ...message, epoch: '1' }),
    ])
      expect(parseMessage(body)).toBeUndefined()
  })
})

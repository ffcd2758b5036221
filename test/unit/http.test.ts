import type { APIGatewayProxyEvent } from 'aws-lambda'
import { describe, expect, it } from 'vitest'
import { allowedAt, fallbackRoute } from '../../functions/api/fallback-route.ts'
import { readQuery } from '../../functions/api/read-request.ts'
import { isKnown } from '../../functions/api/read-task.ts'
import { readIdempotencyKey, readWait } from '../../functions/api/submission.ts'
import { PROBLEM_STATUS, toProblem } from '../../functions/core/adapters/http/problem.ts'
import { RequestError, UnavailableError } from '../../functions/core/domain/errors.ts'
import { parseMessage } from '../../functions/core/domain/parse-message.ts'
import { type HttpRequest, readJson, toRequest } from '../../functions/hosts/http.ts'

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

describe('the headers of a request', () => {
  const many = (count: number, length = 1) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, 'v'.repeat(length)]))

  it('are limited in number and in length, on every route', () => {
    for (const headers of [many(101), many(1, 13_000), many(50, 250), { ['x'.repeat(13_000)]: '' }])
      expect(refused(() => toRequest(event({ headers }))).code).toBe('headers_too_large')
    expect(PROBLEM_STATUS.headers_too_large).toBe(431)
    expect(toRequest(event({ headers: many(100, 50) })).headers['x-99']).toBe('v'.repeat(50))
  })

  it('count each time that one is repeated', () => {
    const multiValueHeaders = { 'x-same': Array.from({ length: 101 }, () => 'v') }
    const headers = { 'x-same': 'v' }
    expect(refused(() => toRequest(event({ headers, multiValueHeaders }))).code).toBe('headers_too_large')
  })
})

describe('a header that is sent several times', () => {
  const sent = (name: string, ...values: string[]) =>
    toRequest(
      event({
        headers: { [name]: values.at(-1) ?? '' },
        multiValueHeaders: { [name]: values },
      }),
    ).headers[name.toLowerCase()]

  it('is one list, as RFC 9110 says, whether one name or several spellings of it came', () => {
    expect(sent('If-None-Match', '"1"', 'W/"a"')).toBe('"1", W/"a"')
    expect(readWait(sent('Prefer', 'respond-async', 'wait=3', 'handling=strict'))).toBe(3)
    const headers = { Prefer: 'wait=3', prefer: 'handling=strict' }
    expect(toRequest(event({ headers })).headers.prefer).toBe('wait=3, handling=strict')
  })

  it.each([
    ['a', 'b'],
    ['a', 'a'],
    ['"a"', '"b"'],
  ])('is refused where it is an Idempotency-Key: %s %s', (...keys) => {
    const error = refused(() => sent('Idempotency-Key', ...keys))
    expect(error.message).toBe('Idempotency-Key was sent several times. Send one.')
    expect(error.errors).toMatchObject([{ path: 'Idempotency-Key' }])
    const headers = { 'Idempotency-Key': 'a', 'idempotency-key': 'b' }
    expect(() => toRequest(event({ headers }))).toThrow('sent several times')
  })

  it('may have commas in one Idempotency-Key', () => {
    expect(readIdempotencyKey(sent('Idempotency-Key', 'order 7, line 2'))).toBe('order 7, line 2')
    expect(readIdempotencyKey(sent('Idempotency-Key', ' "a" '))).toBe('a')
    expect(readIdempotencyKey(sent('Idempotency-Key', 'a"b'))).toBe('a"b')
  })
})

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

  it('is read with any case of the header, with parameters, and in base64', () => {
    const body = Buffer.from('{"a":"é"}').toString('base64')
    const headers = { 'CONTENT-TYPE': 'application/json; charset=utf-8' }
    expect(toRequest(event({ body, isBase64Encoded: true, headers })).json()).toEqual({ a: 'é' })
  })

  it.each(['iso-8859-1', 'GBK', '"utf-16"'])('charset %s is refused', (charset) => {
    const headers = { 'content-type': `application/json; charset=${charset}` }
    expect(refused(() => toRequest(event({ headers })).json()).code).toBe('unsupported_media_type')
  })

  it('bytes that are not UTF-8 are refused, the replacement character itself is not', () => {
    const sent = Buffer.from([...Buffer.from('{"a":"'), 0xc4, 0xe3, ...Buffer.from('"}')])
    const headers = { 'content-type': 'application/json', 'content-length': String(sent.length) }
    const decoded = event({ body: sent.toString('utf8'), headers })
    const encoded = event({ body: sent.toString('base64'), isBase64Encoded: true, headers })
    for (const one of [decoded, encoded])
      expect(refused(() => toRequest(one).json())).toMatchObject({
        code: 'malformed_json',
        message: expect.stringContaining('UTF-8'),
      })
    const meant = '{"a":"\ufffd"}'
    const length = { ...headers, 'content-length': String(Buffer.byteLength(meant)) }
    expect(toRequest(event({ body: meant, headers: length })).json()).toEqual({ a: '\ufffd' })
  })

  it('a byte order mark before the JSON is ignored', () => {
    expect(toRequest(event({ body: '\ufeff{"a":1}' })).json()).toEqual({ a: 1 })
  })

  it('content-length is not checked for a body that the gateway decoded', () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', 'content-length': '9' }
    expect(toRequest(event({ body: '{"a":"\ufffd"}', headers })).json()).toEqual({ a: '\ufffd' })
  })

  it('whole numbers that JSON would round are refused by path, others are accepted', () => {
    const body = '{"input":{"ids":[1,9007199254740993],"n":-12345678901234567890,"f":9007199254740993.00}}'
    expect(refused(() => toRequest(event({ body })).json()).errors.map(({ path }) => path)).toEqual([
      'input.ids.1',
      'input.n',
      'input.f',
    ])
    const beyond = '{"a":[1e400],"b":-1E+309,"c":1e-400}'
    expect(refused(() => toRequest(event({ body: beyond })).json()).errors.map(({ path }) => path)).toEqual([
      'a.0',
      'b',
    ])
    const fine = '{"a":9007199254740991,"b":0.12345678901234567,"c":1e300,"d":"12345678901234567890"}'
    expect(toRequest(event({ body: fine })).json()).toMatchObject({ a: 9007199254740991 })
  })

  it('unpaired surrogates are refused by path, pairs are accepted', () => {
    const body = '{"tags":["a","\\ud83d"],"input":{"\\udf0d":1,"text":"x\\uDC00y"}}'
    expect(refused(() => toRequest(event({ body })).json()).errors.map(({ path }) => path)).toEqual([
      'tags.1',
      'input.\ufffd',
      'input.text',
    ])
    expect(toRequest(event({ body: '{"a":"\\ud83c\\udf0d","b":"\\\\ud83c"}' })).json()).toEqual({
      a: '🌍',
      b: '\\ud83c',
    })
  })

  it('an error never quotes the text around a mistake', () => {
    expect(refused(() => toRequest(event({ body: '{"secret": oops}' })).json()).message).not.toContain(
      'secret',
    )
  })
})

describe('problems', () => {
  it('every code of a request error has a 4xx status', () => {
    for (const [code, status] of Object.entries(PROBLEM_STATUS))
      if (code !== 'unavailable' && code !== 'internal_error')
        expect(status).toSatisfy((n: number) => n >= 400 && n < 500)
  })

  it('an unknown error shows nothing of its message', () => {
    const { problem } = toProblem(new Error('password=hunter2'), '/x')
    expect(problem).toMatchObject({ status: 500, code: 'internal_error', instance: '/x' })
    expect(JSON.stringify(problem)).not.toContain('hunter2')
  })

  it('an outage says when to retry', () => {
    expect(toProblem(new UnavailableError('The table did not answer.'), '/x')).toMatchObject({
      problem: { status: 503 },
      headers: { 'retry-after': '1' },
    })
  })

  it('DELETE of what can be stopped names the call that stops it', async () => {
    const refuse = (resource: string) =>
      fallbackRoute({ ...toRequest(event({ httpMethod: 'DELETE', path: '/api/v1/tasks/x' })), resource })
    await expect(refuse('/api/v1/tasks/{id}')).rejects.toThrow(
      'not DELETE. To stop it: POST /api/v1/tasks/x/cancel.',
    )
    await expect(refuse('/api/v1/tasks')).rejects.toThrow(/not DELETE\.$/)
  })

  it('a path has the methods of the template that the gateway matched', () => {
    expect(allowedAt('/api/v1/tasks')).toEqual(['GET', 'POST', 'HEAD', 'OPTIONS'])
    expect(allowedAt('/api/v1/tasks/{id}/cancel')).toEqual(['POST', 'OPTIONS'])
    // GET /tasks/example is not GET /tasks/{id}: the gateway matches the literal path, which accepts only POST.
    expect(allowedAt('/api/v1/tasks/example')).toEqual(['POST', 'OPTIONS'])
    for (const other of ['/{proxy+}', '/api/v1', '/api/v1/tasks/status', '/'])
      expect([other, allowedAt(other)]).toEqual([other, []])
  })
})

describe('the base URL of links', () => {
  const base = (path: string, changes: Partial<APIGatewayProxyEvent> = {}) =>
    toRequest(event({ ...changes, requestContext: { identity: {}, path } as never })).base
  const one = { resource: '/api/v1/tasks/{id}/cancel', path: '/api/v1/tasks/x/cancel' }

  it.each([
    ['API Gateway’s own host, stage in front', '/live/api/v1/tasks', {}, '/live/api/v1'],
    ['the same, deeper', '/live/api/v1/tasks/x/cancel', one, '/live/api/v1'],
    ['a custom domain', '/api/v1/tasks/x/cancel', one, '/api/v1'],
    ['a custom domain with a base path', '/tools/ai/api/v1/tasks/x/cancel', one, '/tools/ai/api/v1'],
    ['a base path that is named as the API', '/api/v1/api/v1/tasks/x/cancel', one, '/api/v1/api/v1'],
    ['a slash at the end', '/live/api/v1/tasks/', {}, '/live/api/v1'],
    ['a path that no route has', '/live/api/v1/nothing/at/all', { resource: '/{proxy+}' }, '/live/api/v1'],
    ['what is not the API’s', '/live/other', { resource: '/{proxy+}' }, '/api/v1'],
  ])('%s', (_, path, changes, expected) => {
    expect(base(path, changes)).toBe(expected)
  })
})

describe('names that every object has', () => {
  const names = [...Object.getOwnPropertyNames(Object.prototype)]

  it('are fields like any other in query, headers and parameters', () => {
    for (const name of names) {
      const request = toRequest(
        event({
          queryStringParameters: JSON.parse(`{"${name}":"x"}`),
          headers: JSON.parse(`{"${name}":"x"}`),
          pathParameters: JSON.parse(`{"${name}":"x"}`),
        }),
      )
      expect(Object.entries(request.query)).toEqual([[name, ['x']]])
      expect(Object.keys(request.headers)).toEqual([name.toLowerCase()])
    }
    const nothing = toRequest(event({}))
    for (const name of names) {
      expect(nothing.query[name]).toBeUndefined()
      expect(nothing.headers[name]).toBeUndefined()
      expect(nothing.parameters[name]).toBeUndefined()
    }
  })
})

describe('If-None-Match', () => {
  it.each([
    ['W/"a"', true],
    ['"a"', true],
    ['"b", W/"a"', true],
    ['*', true],
    ['"b"', false],
    ['a', false],
    [undefined, false],
  ])('%s', (header, expected) => expect(isKnown(header, 'W/"a"')).toBe(expected))
})

describe('a queue message', () => {
  it('is read only in the one known version', () => {
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

describe('a request with a mistake in its form only', () => {
  it('a byte order mark before the JSON is ignored', () => {
    expect(readJson('\uFEFF{"prompt": "x"}')).toEqual({ prompt: 'x' })
    // An agent's message, which no other step reads before.
    expect(refused(() => readJson('\uFEFF{"id": 12345678901234567890}')).code).toBe('invalid_request')
  })

  it('a field in the query of a route that reads a body: the error says to send it in the body', async () => {
    const request = { query: { prompt: ['x'] } } as unknown as HttpRequest
    const told = (hasBody: boolean) => readQuery(undefined, request, hasBody).catch(({ message }) => message)
    expect(await told(true)).toBe(
      'prompt is not known: nothing is read from the query here. Send it in the JSON body.',
    )
    expect(await told(false)).toBe('prompt is not known: nothing is read from the query here.')
  })
})

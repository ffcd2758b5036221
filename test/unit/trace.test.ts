import { describe, expect, it } from 'vitest'
import { parseMessage } from '../../functions/core/domain/parse-message.ts'
import { childTrace, parseTrace, traceIdOf } from '../../functions/core/domain/trace.ts'

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const GOOD = `00-${TRACE_ID}-00f067aa0ba902b7-01`

describe('a traceparent header', () => {
  it('is read as the W3C writes it, a later version as far as it is known', () => {
    expect(parseTrace(GOOD)).toBe(GOOD)
    expect(parseTrace(` ${GOOD} `)).toBe(GOOD)
    expect(parseTrace(GOOD.replace(/^00/, 'cc').concat('-what-the-future-brings'))).toBe(GOOD)
  })

  it.each([
    ['nothing', undefined],
    ['an empty one', ''],
    ['other words', 'my-trace'],
    ['upper case', GOOD.toUpperCase()],
    ['version ff', GOOD.replace(/^00/, 'ff')],
    ['more than version 00 has', `${GOOD}-01`],
    ['no trace id', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['no span id', `00-${TRACE_ID}-${'0'.repeat(16)}-01`],
    ['a line break', `${GOOD}\nx: y`],
  ])('is ignored when it is %s', (_, header) => expect(parseTrace(header)).toBeUndefined())

  it('gives each call a span of its own in the same trace', () => {
    const child = childTrace(GOOD, 'aaaaaaaaaaaaaaaa')
    expect(child).toBe(`00-${TRACE_ID}-aaaaaaaaaaaaaaaa-01`)
    expect(traceIdOf({ trace: child })).toBe(TRACE_ID)
    expect(traceIdOf({})).toBeUndefined()
  })

  it('is part of a message; an invalid one is dropped, and the task still runs', () => {
    const message = { v: 1, tenant: 'a', id: 'b', epoch: 1 }
    expect(parseMessage(JSON.stringify({ ...message, trace: GOOD }))).toEqual({ ...message, trace: GOOD })
    for (const trace of ['x', 5, null, {}])
      expect(parseMessage(JSON.stringify({ ...message, trace }))).toEqual(message)
  })
})

import { describe, expect, it } from 'vitest'
import { RequestError, type RequestErrorCode } from '../../functions/core/domain/errors.ts'
import { effectiveLimits } from '../../functions/core/domain/limits.ts'
import type { HttpRequest } from '../../functions/hosts/http.ts'
import { limitedRoute } from '../../functions/hosts/requests.ts'

const request = { tenant: 'acme' } as HttpRequest
const full = () => Promise.reject(new RequestError('limit_reached', 'full'))

describe('a request', () => {
  it('is counted before it is handled', async () => {
    const counted: string[] = []
    const count = async (tenant: string) => void counted.push(tenant)
    const answer = await limitedRoute(count, false, async () => ({ status: 200 }))(request)
    expect([answer.status, counted]).toEqual([200, ['acme']])
    let isCalled = false
    const handler = async () => {
      isCalled = true
      return { status: 200 }
    }
    await expect(limitedRoute(full, false, handler)(request)).rejects.toMatchObject({
      code: 'limit_reached',
    })
    expect(isCalled).toBe(false)
  })

  it('that submits is counted by its submit, or by its route when it does not reach one: exactly once', async () => {
    const asked = async (code?: RequestErrorCode) => {
      let counts = 0
      const count = async () => {
        counts += 1
      }
      const handler = () =>
        code ? Promise.reject(new RequestError(code, 'no')) : Promise.resolve({ status: 202 })
      await limitedRoute(count, true, handler)(request).catch(() => undefined)
      return counts
    }
    expect(await asked()).toBe(0)
    for (const code of ['limit_reached', 'budget_exhausted', 'idempotency_key_reused'] as const)
      expect([code, await asked(code)]).toEqual([code, 0])
    for (const code of ['invalid_request', 'malformed_json', 'payload_too_large', 'wrong_state'] as const)
      expect([code, await asked(code)]).toEqual([code, 1])
    // Above the limit, an invalid request gets the limit's error instead of its own.
    const nonsense = () => Promise.reject(new RequestError('malformed_json', 'no'))
    await expect(limitedRoute(full, true, nonsense)(request)).rejects.toMatchObject({ code: 'limit_reached' })
  })

  it('has the same rate for submits as for other requests, unless submits have a rate of their own', () => {
    const stage = { requestsPerMinute: 60, requestBurst: 5 }
    expect(effectiveLimits(stage)).toMatchObject({ submitsPerMinute: 60, burst: 5 })
    expect(effectiveLimits({ ...stage, submitsPerMinute: 10, burst: 2 })).toMatchObject({
      requestsPerMinute: 60,
      submitsPerMinute: 10,
      burst: 2,
    })
    expect(effectiveLimits(stage, { requestsPerMinute: 6 })).toMatchObject({ submitsPerMinute: 6 })
    // A burst without its rate does not apply.
    expect(effectiveLimits(stage, { requestsPerMinute: 6 }).requestBurst).toBeUndefined()
    expect(effectiveLimits({}).submitsPerMinute).toBeUndefined()
  })
})

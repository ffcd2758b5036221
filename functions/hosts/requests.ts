/** Counts each tenant's requests, for every route that needs a caller. */
import { ENV } from '../contract.ts'
import { DynamoLimitStore } from '../core/adapters/dynamodb/limit-store.ts'
import { DynamoRequestMeter } from '../core/adapters/dynamodb/request-meter.ts'
import type { createDynamoClient } from '../core/adapters/dynamodb/task-store.ts'
import { systemClock } from '../core/adapters/system/clock.ts'
import { openRequestLimit as requestLimit } from '../core/application/limits/limit-requests.ts'
import { RequestError, type RequestErrorCode } from '../core/domain/errors.ts'
import { effectiveLimits, type TenantLimits } from '../core/domain/limits.ts'
import { cachePerTenant } from './cache-per-tenant.ts'
import { readConfig } from './config.ts'
import type { HttpAnswer, HttpRequest } from './http.ts'

type Dynamo = () => ReturnType<typeof createDynamoClient>
type Handler = (request: HttpRequest) => Promise<HttpAnswer>

let cached: ((tenant: string) => Promise<TenantLimits>) | undefined

/** The limits of a tenant, cached for a short time. One instance per environment. */
export function openLimitsOf(open: Dynamo): (tenant: string) => Promise<TenantLimits> {
  if (cached) return cached
  const { TABLE_NAME, TENANT_LIMITS } = readConfig([ENV.tableName, ENV.tenantLimits])
  const store = new DynamoLimitStore(open(), TABLE_NAME)
  cached = cachePerTenant(async (tenant) => effectiveLimits(TENANT_LIMITS, await store.read(tenant)))
  return cached
}

let limit: ((tenant: string) => Promise<void>) | undefined

/** @returns a function that counts a request of a tenant, or throws. One instance per environment. */
export function openRequestLimit(open: Dynamo): (tenant: string) => Promise<void> {
  limit ??= requestLimit({
    meter: new DynamoRequestMeter(open(), readConfig([ENV.tableName]).TABLE_NAME),
    limitsOf: openLimitsOf(open),
    clock: systemClock,
  })
  return limit
}

/** Errors of a submit that was already counted when they are thrown. */
const COUNTED: readonly RequestErrorCode[] = ['limit_reached', 'budget_exhausted', 'idempotency_key_reused']

/**
 * Counts every request once, before it is handled. A submit is counted together with its task's place, in one write; one that
 * fails before that is counted here.
 */
export const limitedRoute =
  (count: (tenant: string) => Promise<void>, isCountedBySubmit: boolean, handler: Handler): Handler =>
  async (request) => {
    if (!isCountedBySubmit) {
      await count(request.tenant)
      return handler(request)
    }
    try {
      return await handler(request)
    } catch (error) {
      if (error instanceof RequestError && !COUNTED.includes(error.code)) await count(request.tenant)
      throw error
    }
  }

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { afterAll, describe, expect, it } from 'vitest'
import { DynamoRequestMeter } from '../../functions/core/adapters/dynamodb/request-meter.ts'
import { openRequestLimit } from '../../functions/core/application/limits/limit-requests.ts'
import type { TenantLimits } from '../../functions/core/domain/limits.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { startLocalTable } from '../fixtures/local-table.ts'
import { ManualClock } from '../fixtures/world.ts'

const [dynalite, local] = await Promise.all([startDynalite(), startLocalTable()])
afterAll(() => Promise.all([dynalite.stop(), local.stop()]))
const NOW = 1_800_000_000_000

/** Three processes, each with its own cache, and the calls that they make to one table. */
async function world(open: typeof dynalite | typeof local, limits: TenantLimits) {
  const table = await open.createTable()
  const sent: string[] = []
  const documents = new Proxy(open.documents, {
    get: (target, name) =>
      name === 'send'
        ? (command: Parameters<DynamoDBDocumentClient['send']>[0]) => {
            sent.push(command.constructor.name)
            return target.send(command)
          }
        : Reflect.get(target, name),
  })
  const clock = new ManualClock(NOW)
  const gates = [1, 2, 3].map(() =>
    openRequestLimit({
      meter: new DynamoRequestMeter(documents, table),
      limitsOf: async () => limits,
      clock,
    }),
  )
  let turn = 0
  const ask = async (tenant = 'acme') => {
    turn += 1
    await gates[turn % gates.length]?.(tenant)
  }
  const countOf = async (callers: number) => {
    const answers = await Promise.allSettled(Array.from({ length: callers }, () => ask()))
    return answers.filter(({ status }) => status === 'fulfilled').length
  }
  return { clock, ask, countOf, sent }
}

describe.each([
  ['the local table', local],
  ['the table', dynalite],
] as const)('requests of a tenant in %s', (_name, open) => {
  it('of 100 callers at once exactly the burst is accepted, then one per interval', async () => {
    const { clock, ask, countOf } = await world(open, { requestsPerMinute: 60, requestBurst: 10 })
    expect(await countOf(100)).toBe(10)
    await expect(ask()).rejects.toMatchObject({
      code: 'limit_reached',
      retryAfterMs: 1_000,
      detail: { rateLimit: '"requests";r=0;t=1', rateLimitPolicy: '"requests";q=10;w=60' },
    })
    await ask('other')
    await clock.advance(3_000)
    expect(await countOf(100)).toBe(3)
    await clock.advance(60_000)
    expect(await countOf(100)).toBe(10)
  })

  it.each([7, 17, 23, 59, 83])('without a burst, %s requests may come at once', async (most) => {
    const { countOf } = await world(open, { requestsPerMinute: most })
    expect(await countOf(100)).toBe(most)
  })

  it('cost one write each, two for the first of a series, and none where the limit is off', async () => {
    const { ask, sent, clock } = await world(open, { requestsPerMinute: 60, requestBurst: 30 })
    // The first request of each process detects that a series of requests has begun.
    for (let times = 0; times < 3; times += 1) await ask()
    sent.length = 0
    for (let times = 0; times < 12; times += 1) {
      await clock.advance(100)
      await ask()
    }
    expect(sent.filter((name) => name === 'UpdateCommand')).toHaveLength(12)
    const off = await world(open, { openTasks: 3, submitsPerMinute: 1 })
    expect(await off.countOf(100)).toBe(100)
    expect(off.sent).toEqual([])
  })
})

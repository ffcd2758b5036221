import { describe, expect, it } from 'vitest'
import { FairOrder, type QueuedMessage } from '../../lib/local/emulator/services/fair-order.ts'

const of = (tenant: string, count: number, from = 0): QueuedMessage[] =>
  Array.from({ length: count }, (_, index) => ({
    messageId: `${tenant}-${from + index}`,
    messageGroupId: tenant,
  }))
const idsOf = (messages: readonly QueuedMessage[]) => messages.map(({ messageId }) => messageId)

describe('which message of an embedded queue is next', () => {
  it('the oldest, when no tenant is noisy', () => {
    const waiting = [...of('a', 5), ...of('b', 1)]
    const before = idsOf(waiting)
    new FairOrder().arrange(waiting, of('a', 29, 100), 10, 0)
    expect(idsOf(waiting)).toEqual(before)
  })

  it('one of a quiet tenant, when another has 30 in flight and more than a tenth of all', () => {
    const waiting = [...of('noisy', 1_000), ...of('quiet', 1)]
    new FairOrder().arrange(waiting, of('noisy', 30, 2_000), 10, 0)
    expect(idsOf(waiting.slice(0, 3))).toEqual(['quiet-0', 'noisy-0', 'noisy-1'])
    expect(waiting).toHaveLength(1_001)
  })

  it('the oldest, when a tenant has 30 of 400 in flight: less than a tenth', () => {
    const waiting = [...of('a', 20), ...of('quiet', 1)]
    const inFlight = [
      ...of('a', 30, 100),
      ...Array.from({ length: 37 }, (_, index) => of(`t${index}`, 10)).flat(),
    ]
    new FairOrder().arrange(waiting, inFlight, 10, 0)
    expect(waiting[0]?.messageId).toBe('a-0')
  })

  it('one of a quiet tenant, when another used most of the consumers’ time with few messages in flight', () => {
    const order = new FairOrder()
    for (const message of of('slow', 5, 500)) order.done(message, 8_000, 1_000)
    for (let tenant = 0; tenant < 20; tenant += 1)
      for (const message of of(`t${tenant}`, 1)) order.done(message, 500, 1_000)
    const waiting = [...of('slow', 50), ...of('t3', 1), ...of('t4', 1)]
    order.arrange(waiting, of('slow', 2, 600), 10, 1_000)
    expect(idsOf(waiting.slice(0, 3))).toEqual(['t3-0', 't4-0', 'slow-0'])
    // The used time expires.
    const later = [...of('slow', 3), ...of('t3', 1)]
    order.arrange(later, [], 10, 1_000 + 30 * 60_000)
    expect(later[0]?.messageId).toBe('slow-0')
  })

  it('of two noisy tenants, one of that with fewer in flight', () => {
    const waiting = [...of('a', 20), ...of('b', 20)]
    new FairOrder().arrange(waiting, [...of('a', 60, 100), ...of('b', 40, 100)], 10, 0)
    expect(waiting.slice(0, 10).every(({ messageGroupId }) => messageGroupId === 'b')).toBe(true)
  })

  it('a message without a group counts as a tenant of its own', () => {
    const waiting: QueuedMessage[] = [...of('noisy', 100), { messageId: 'alone' }]
    new FairOrder().arrange(waiting, of('noisy', 40, 200), 10, 0)
    expect(waiting[0]?.messageId).toBe('alone')
  })

  it('a flood of 1,000 messages delays another tenant’s single task only by the tasks that already run', () => {
    // 40 slots, as in one lane of `npm start`; each round a batch of ten ends and ten are received.
    const order = new FairOrder()
    const waiting: QueuedMessage[] = of('noisy', 1_000)
    const inFlight: QueuedMessage[] = []
    let received = 0
    const receive = (now: number) => {
      order.arrange(waiting, inFlight, 10, now)
      const batch = waiting.splice(0, 10)
      inFlight.push(...batch)
      received += batch.length
      return batch
    }
    for (let batch = 0; batch < 4; batch += 1) receive(0)
    waiting.push(...of('quiet', 1))
    const before = received
    for (let round = 1; ; round += 1) {
      for (const message of inFlight.splice(0, 10)) order.done(message, 1_000, round * 1_000)
      if (receive(round * 1_000).some(({ messageGroupId }) => messageGroupId === 'quiet')) break
    }
    expect(received - before).toBeLessThanOrEqual(10)
  })
})

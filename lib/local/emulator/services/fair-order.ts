/**
 * SQS's published rule of fair queues, for an embedded queue that is only first in, first out. A tenant is a message group.
 * It is noisy while it has a backlog and has more than a tenth of the messages in flight, at least 30 of them, or used
 * more than a tenth of the consumers' recent time. Messages of other tenants are then delivered first, and among noisy tenants
 * those of the one with the fewest in flight. AWS calls its thresholds approximate, and does not define "recent".
 */
const SHARE = 0.1
const MIN_IN_FLIGHT = 30
/** Half-life of the consumers' time that a tenant has used. */
const HALF_LIFE_MS = 60_000
/** Shares are calculated only when all tenants together have used at least this time. */
const MIN_TIME_MS = 1_000

export interface QueuedMessage {
  readonly messageId: string
  readonly messageGroupId?: string | undefined
}

/** A message without a group counts as a separate tenant. */
const tenantOf = ({ messageGroupId, messageId }: QueuedMessage): string =>
  messageGroupId ?? `\u0000${messageId}`

export class FairOrder {
  readonly #took = new Map<string, number>()
  #decayedAt = 0

  done(message: QueuedMessage, tookMs: number, now: number): void {
    this.#decay(now)
    // A tenant without a name has one message, so its share is never needed again.
    if (message.messageGroupId === undefined) return
    this.#took.set(message.messageGroupId, (this.#took.get(message.messageGroupId) ?? 0) + tookMs)
  }

  /**
   * Moves the messages to be received next to the front of the waiting ones.
   *
   * @param waiting changed in place; messages after the first `count` keep their order.
   */
  arrange<Message extends QueuedMessage>(
    waiting: Message[],
    inFlight: Iterable<QueuedMessage>,
    count: number,
    now: number,
  ): void {
    if (waiting.length === 0) return
    const counts = new Map<string, number>()
    let total = 0
    for (const message of inFlight) {
      const tenant = tenantOf(message)
      counts.set(tenant, (counts.get(tenant) ?? 0) + 1)
      total += 1
    }
    this.#decay(now)
    const time = [...this.#took.values()].reduce((sum, one) => sum + one, 0)
    const isNoisy = (tenant: string): boolean => {
      const own = counts.get(tenant) ?? 0
      if (own >= MIN_IN_FLIGHT && own > total * SHARE) return true
      return time >= MIN_TIME_MS && (this.#took.get(tenant) ?? 0) > time * SHARE
    }
    const known = new Map<string, boolean>()
    const noisyOf = (tenant: string): boolean => {
      const noisy = known.get(tenant) ?? isNoisy(tenant)
      known.set(tenant, noisy)
      return noisy
    }
    const chosen: number[] = []
    const noisy = new Map<string, number[]>()
    for (let index = 0; index < waiting.length && chosen.length < count; index += 1) {
      const tenant = tenantOf(waiting[index] as Message)
      if (!noisyOf(tenant)) {
        chosen.push(index)
        continue
      }
      const own = noisy.get(tenant) ?? []
      if (own.length < count) own.push(index)
      noisy.set(tenant, own)
    }
    while (chosen.length < count && noisy.size > 0) {
      const [tenant = '', own = []] =
        [...noisy].sort(([left], [right]) => (counts.get(left) ?? 0) - (counts.get(right) ?? 0))[0] ?? []
      const next = own.shift()
      if (next !== undefined) chosen.push(next)
      counts.set(tenant, (counts.get(tenant) ?? 0) + 1)
      if (own.length === 0) noisy.delete(tenant)
    }
    if (chosen.every((place, index) => place === index)) return
    const first = chosen.map((index) => waiting[index] as Message)
    for (const index of chosen.toSorted((left, right) => right - left)) waiting.splice(index, 1)
    waiting.unshift(...first)
  }

  #decay(now: number): void {
    const share = 0.5 ** (Math.max(0, now - this.#decayedAt) / HALF_LIFE_MS)
    this.#decayedAt = now
    for (const [tenant, took] of this.#took) {
      if (took * share < 1) this.#took.delete(tenant)
      else this.#took.set(tenant, took * share)
    }
  }
}

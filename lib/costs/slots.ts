/**
 * Simulates how many slots of a lane's workers are used: Poisson arrivals, log-normal durations, an event source whose pollers
 * compete with the workers' own polls. All waiting pollers have the same chance to receive a new message, as SQS appears to
 * behave; messages that already wait go to the first free slot.
 *
 * Compared with the real worker in virtual time by `test/unit/slots.test.ts`, and with a run of the local product in
 * `functions/DECISIONS.md`.
 */
export interface SlotLoad {
  readonly perSecond: number
  /** Mean duration of an attempt. */
  readonly seconds: number
  /** Standard deviation of the logarithm of the durations; 0 for tasks of equal duration. */
  readonly sigma: number
}

export interface SlotSettings {
  /** Concurrent tasks in one invocation. */
  readonly slots: number
  /** Concurrent invocations. */
  readonly invocations: number
  /** Long polls that the event source keeps open. */
  readonly pollers: number
  /** For how long an invocation receives further messages. */
  readonly refillSeconds: number
}

export interface SlotUse {
  /** Invocation time per task. */
  readonly paidSeconds: number
  /** Workers' own polls per task. */
  readonly polls: number
  /** Invocations per task. */
  readonly invocations: number
  /** Share of tasks that a running worker received itself. */
  readonly refilled: number
  /** Share of paid slots that ran a task. */
  readonly used: number
  /** 95 of 100 tasks wait no longer. */
  readonly waitP95: number
}

/** Length of a worker's poll (`refill.ts`). */
const POLL_SECONDS = 2
const TASKS = 4_000

interface Invocation {
  readonly beganAt: number
  running: number
}

export function simulateSlots(load: SlotLoad, settings: SlotSettings, tasks = TASKS): SlotUse {
  const random = seeded(7)
  const length = lengths(load, random)
  const events = new Agenda()
  const invocations = new Set<Invocation>()
  const waiting: number[] = []
  const waits: number[] = []
  const sums = { busy: 0, paid: 0, polls: 0, invocations: 0, refilled: 0 }
  const takes = (invocation: Invocation, now: number) =>
    invocation.running < settings.slots && now - invocation.beganAt < settings.refillSeconds
  const begin = (invocation: Invocation, now: number) => {
    waits.push(now - (waiting.shift() ?? now))
    const seconds = length()
    sums.busy += seconds
    invocation.running += 1
    events.add(now + seconds, () => end(invocation, now + seconds))
  }
  const close = (invocation: Invocation, now: number) => {
    if (invocation.running > 0 || !invocations.delete(invocation)) return
    sums.paid += now - invocation.beganAt
    place(now)
  }
  const end = (invocation: Invocation, now: number) => {
    invocation.running -= 1
    place(now)
    if (invocation.running > 0) return
    // On average its last poll is half over.
    if (takes(invocation, now))
      events.add(now + POLL_SECONDS / 2, () => close(invocation, now + POLL_SECONDS / 2))
    else close(invocation, now)
  }
  const place = (now: number) => {
    while (waiting.length > 0) {
      const pollers = Math.min(settings.pollers, settings.invocations - invocations.size)
      const takers = [...invocations].filter((invocation) => takes(invocation, now))
      const chosen = Math.floor(random() * (takers.length + pollers))
      const taker = takers[chosen]
      if (takers.length + pollers === 0) return
      if (taker) {
        sums.refilled += 1
        begin(taker, now)
        continue
      }
      const invocation = { beganAt: now, running: 0 }
      invocations.add(invocation)
      sums.invocations += 1
      for (let count = Math.min(settings.slots, waiting.length); count > 0; count -= 1) begin(invocation, now)
    }
  }
  let arrivesAt = 0
  for (let n = 0; n < tasks; n += 1) {
    const at = arrivesAt
    events.add(at, () => {
      waiting.push(at)
      place(at)
    })
    arrivesAt -= Math.log(1 - random()) / load.perSecond
  }
  let last = 0
  for (let event = events.next(); event; event = events.next()) {
    const polling = [...invocations].filter((invocation) => takes(invocation, last)).length
    sums.polls += (polling * (event.at - last)) / POLL_SECONDS
    last = event.at
    event.act()
  }
  waits.sort((left, right) => left - right)
  return {
    paidSeconds: sums.paid / tasks,
    polls: sums.polls / tasks,
    invocations: sums.invocations / tasks,
    refilled: sums.refilled / tasks,
    used: sums.busy / (sums.paid * settings.slots),
    waitP95: waits[Math.floor(waits.length * 0.95)] ?? 0,
  }
}

function lengths({ seconds, sigma }: SlotLoad, random: () => number): () => number {
  if (sigma === 0) return () => seconds
  const location = Math.log(seconds) - sigma ** 2 / 2
  // Box-Muller transform.
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return () => Math.exp(location + sigma * normal())
}

/** The same numbers each time (Mulberry32), so that the cost of a month does not change between two runs. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Event {
  readonly at: number
  readonly act: () => void
}

/** A priority queue by time; a binary heap. */
class Agenda {
  readonly #heap: Event[] = []

  add(at: number, act: () => void): void {
    let place = this.#heap.length
    this.#heap.push({ at, act })
    for (let up = (place - 1) >> 1; place > 0 && this.#at(up) > at; up = (place - 1) >> 1) {
      this.#swap(place, up)
      place = up
    }
  }

  next(): Event | undefined {
    const [first] = this.#heap
    const last = this.#heap.pop()
    if (!last || this.#heap.length === 0) return first
    this.#heap[0] = last
    for (let place = 0; ; ) {
      const left = 2 * place + 1
      const least = this.#at(left + 1) < this.#at(left) ? left + 1 : left
      if (this.#at(least) >= this.#at(place)) return first
      this.#swap(place, least)
      place = least
    }
  }

  #at(place: number): number {
    return this.#heap[place]?.at ?? Number.POSITIVE_INFINITY
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#heap[one], this.#heap[other]]
    if (!a || !b) return
    this.#heap[one] = b
    this.#heap[other] = a
  }
}

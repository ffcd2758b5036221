import { describe, expect, it } from 'vitest'
import { toEventStream } from '../../functions/api/event-stream.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import {
  hasReceivedEnd,
  type TaskEvent,
  watchTask,
} from '../../functions/core/application/tasks/watch-task.ts'
import { TaskError, UnavailableError } from '../../functions/core/domain/errors.ts'
import {
  type Position,
  readEventId,
  readPosition,
  START_POSITION,
  writeEventId,
  writePosition,
} from '../../functions/core/domain/text-piece.ts'
import type { MemoryStore } from '../fixtures/memory-store.ts'
import { MemoryWaitPlaces } from '../fixtures/memory-wait-places.ts'
import { makeWorld, pollLane, SUBMISSION, type World } from '../fixtures/world.ts'

interface Context {
  readonly attempt: number
  readonly sleep: (ms: number) => Promise<void>
  readonly progress: (percent: number) => void
  readonly step: (name: string, run: () => unknown) => Promise<unknown>
  readonly stream: { write(text: string): void; restart(): void }
}
/** A run that writes one word per interval, as a model does. */
const speak =
  (words: readonly string[], everyMs = 200) =>
  async ({ stream, sleep }: Context) => {
    for (const word of words) {
      await sleep(everyMs)
      stream.write(word)
    }
    return words.join('')
  }
const WORDS = Array.from({ length: 60 }, (_, index) => `word${index} `)

async function begin(run: (context: Context) => Promise<unknown>) {
  const world = makeWorld(run as never)
  const { task } = await submitTask(world, SUBMISSION)
  return { world, key: { tenant: 'acme', id: task.id } }
}

/** Receives the lane's messages as an event source does. */
function work(world: World): { readonly stop: () => void } {
  let isOn = true
  void (async () => {
    while (isOn) {
      pollLane(world)
      await world.clock.sleep(500)
    }
  })()
  return { stop: () => (isOn = false) }
}

/** Collects events; the watcher disconnects after `most` of them. */
function watch(
  world: World,
  key: { tenant: string; id: string },
  from: Position = START_POSITION,
  most = Infinity,
) {
  const events: TaskEvent[] = []
  const done = (async () => {
    for await (const event of watchTask(world.worker, key, from, { until: world.clock.now() + 300_000 })) {
      events.push(event)
      if (events.length >= most) break
    }
  })()
  return { events, done }
}
const textOf = (events: readonly TaskEvent[]): string =>
  events.reduce((text, event) => {
    if (event.kind !== 'text') return text
    expect([0, text.length]).toContain(event.piece.offset)
    return text.slice(0, event.piece.offset) + event.piece.text
  }, '')
const kindsOf = (events: readonly TaskEvent[]) =>
  events.map(({ kind }) => kind).filter((kind, index, all) => kind !== all[index - 1])

describe('the events of a watched task', () => {
  it('without a watcher, no text is written', async () => {
    const { world, key } = await begin(speak(WORDS))
    work(world)
    await world.clock.advance(30_000)
    expect((await world.store.get(key))?.status).toBe('COMPLETED')
    expect(world.text.writes).toBe(0)
  })

  it('contain every piece once, in order, with at most two writes a second, and the end', async () => {
    const { world, key } = await begin(speak(WORDS))
    const { events, done } = watch(world, key)
    work(world)
    await world.clock.advance(30_000)
    await done
    expect(textOf(events)).toBe(WORDS.join(''))
    expect(events.filter(({ kind }) => kind === 'text').length).toBeGreaterThan(10)
    expect(world.text.writes).toBeLessThanOrEqual(25)
    expect(kindsOf(events)[0]).toBe('status')
    expect(events.at(-1)).toMatchObject({ kind: 'end', task: { status: 'COMPLETED' } })
    const statuses = events.flatMap((event) => (event.kind === 'status' ? event.task.status : []))
    expect(statuses).toEqual(['PENDING', 'PROCESSING', 'COMPLETED'])
  })

  it('a late watcher gets the whole text so far, one after the end gets all of it', async () => {
    const { world, key } = await begin(speak(WORDS))
    work(world)
    await world.clock.advance(8_000)
    const late = watch(world, key)
    await world.clock.advance(3_000)
    const first = late.events.find((event) => event.kind === 'text')
    expect(first?.kind === 'text' && first.piece.offset === 0 && first.piece.text.length).toBeGreaterThan(150)
    await world.clock.advance(30_000)
    expect(textOf(late.events)).toBe(WORDS.join(''))
    const after = watch(world, key)
    await world.clock.advance(1_000)
    expect(textOf(after.events)).toBe(WORDS.join(''))
    expect(kindsOf(after.events)).toEqual(['status', 'text', 'end'])
  })

  it('a watcher that is cut off at every event continues after it: each piece once, in order', async () => {
    const { world, key } = await begin(speak(WORDS, 300))
    work(world)
    const all: TaskEvent[] = []
    let position = START_POSITION
    for (let cut = 0; cut < 200 && all.at(-1)?.kind !== 'end'; cut += 1) {
      const { events, done } = watch(world, key, position, 1)
      for (let n = 0; n < 40 && events.length === 0; n += 1) await world.clock.advance(500)
      await done
      all.push(...events)
      // As over HTTP: sent as an id, returned as Last-Event-ID.
      position = readPosition(writePosition(events.at(-1)?.position ?? position)) ?? START_POSITION
    }
    expect(all.filter(({ kind }) => kind === 'text').length).toBeGreaterThan(15)
    const texts = all.flatMap((event) => (event.kind === 'text' ? event.piece.text : []))
    expect(texts.join('')).toBe(WORDS.join(''))
    expect(all.filter(({ kind }) => kind === 'end').length).toBe(1)
    const task = await world.store.get(key)
    expect(task && hasReceivedEnd(task, position)).toBe(true)
  })

  it('a second attempt starts its text again, marked as such', async () => {
    const { world, key } = await begin(async (context) => {
      if (context.attempt === 2) return speak(WORDS)(context)
      await speak(WORDS.slice(0, 20), 300)(context)
      throw new TaskError('passing', { code: 'provider_unavailable', retry: 'counted' })
    })
    const { events, done } = watch(world, key)
    work(world)
    await world.clock.advance(60_000)
    await done
    const seams = events.flatMap((event) =>
      event.kind === 'text' && event.piece.offset === 0 ? event.piece.attempt : [],
    )
    expect(seams).toEqual([1, 2])
    expect(textOf(events)).toBe(WORDS.join(''))
    const statuses = events.flatMap((event) =>
      event.kind === 'status' ? `${event.task.status} ${event.task.attempt}` : [],
    )
    expect(statuses).toEqual(['PENDING 0', 'PROCESSING 1', 'RETRYING 1', 'PROCESSING 2', 'COMPLETED 2'])
  })

  it('the answer of another model of the list is a separate text', async () => {
    const { world, key } = await begin(async (context) => {
      await speak(['a', 'b', 'c'], 1_500)(context)
      context.stream.restart()
      return speak(['x', 'y', 'z'], 1_500)(context)
    })
    const { events, done } = watch(world, key)
    work(world)
    await world.clock.advance(30_000)
    await done
    expect(textOf(events)).toBe('xyz')
  })

  it('a failing table delays the watchers and does not affect the task', async () => {
    const { world, key } = await begin(speak(WORDS))
    const append = world.text.append.bind(world.text)
    let calls = 0
    world.text.append = async (task, piece) => {
      calls += 1
      if (calls % 3 !== 0) throw new UnavailableError('away')
      return append(task, piece)
    }
    const { events, done } = watch(world, key)
    work(world)
    await world.clock.advance(60_000)
    await done
    expect(textOf(events)).toBe(WORDS.join(''))
    expect((await world.store.get(key))?.attempt).toBe(1)
    expect(world.events.some(({ event }) => event === 'text.failed')).toBe(true)
  })

  it('report progress and steps, each once, also for a task without text', async () => {
    const { world, key } = await begin(async ({ progress, step, sleep }) => {
      for (const percent of [20, 40, 80]) {
        await step(`part ${percent}`, () => percent)
        progress(percent)
        await sleep(4_000)
      }
      return { done: true }
    })
    const { events, done } = watch(world, key)
    work(world)
    await world.clock.advance(60_000)
    await done
    const steps = events.flatMap((event) => (event.kind === 'step' ? event.step.name : []))
    expect(steps).toEqual(['part 20', 'part 40', 'part 80'])
    const percents = events.flatMap((event) =>
      event.kind === 'progress' ? event.task.progress?.percent : [],
    )
    expect(percents).toEqual([20, 40, 80])
    expect(events.some(({ kind }) => kind === 'text')).toBe(false)
  })

  it('report silence, stop at the time limit without an end, and do not mark a finished task as watched', async () => {
    const { world, key } = await begin(speak(WORDS))
    const { events, done } = watch(world, key)
    await world.clock.advance(300_000)
    await done
    expect(events.filter(({ kind }) => kind === 'quiet').length).toBeGreaterThan(15)
    expect(events.at(-1)?.kind).toBe('quiet')
    await cancelTask(world, key)
    const { watched } = world.store as MemoryStore
    watched.clear()
    const over = watch(world, key)
    await world.clock.advance(1_000)
    await over.done
    expect(kindsOf(over.events)).toEqual(['status', 'end'])
    expect(watched.size).toBe(0)
  })

  it('a watcher that reconnected with another request gets nothing more by the old one', async () => {
    const { world, key } = await begin(speak(WORDS, 1_000))
    let isHeld = true
    const seen: TaskEvent[] = []
    const watching = { until: world.clock.now() + 300_000, isHeld: async () => isHeld }
    let isOver = false
    const done = (async () => {
      for await (const event of watchTask(world.worker, key, START_POSITION, watching)) seen.push(event)
      isOver = true
    })()
    work(world)
    await world.clock.advance(12_000)
    expect(isOver).toBe(false)
    isHeld = false
    await world.clock.advance(7_000)
    expect(isOver).toBe(true)
    expect(kindsOf(seen)).not.toContain('end')
    await done
  })

  it('a response that is never read takes no place, and one that is read returns its place', async () => {
    const places = new MemoryWaitPlaces(1)
    const open = async () => ({ events: (async function* () {})(), place: await places.take(0, 60_000) })
    const unread = toEventStream(open, '/api/v1')
    await unread.return(undefined)
    const read = toEventStream(open, '/api/v1')
    expect((await read.next()).value).toContain('retry: 1000')
    expect(await places.take(0, 60_000)).toBeUndefined()
    expect((await read.next()).done).toBe(true)
    expect(await places.take(0, 60_000)).toBeDefined()
  })

  it('continue only from ids of this product', () => {
    const position = {
      epoch: 2,
      attempt: 3,
      take: 1,
      offset: 12_345_678,
      steps: 40,
      updatedAt: 1_800_000_000_000,
    }
    expect(readPosition(writePosition(position))).toEqual(position)
    for (const place of [undefined, '3-Ab_c-9', '0-AAAAAAAAAAAAAAAA'])
      expect(readEventId(writeEventId(position, place))).toEqual({ position, place })
    for (const id of ['1.2.3.4.5.6.', '1.2.3.4.5.6.7.8', '1.2.3.4.5.6.a b', `1.2.3.4.5.6.${'a'.repeat(41)}`])
      expect(readEventId(id)).toBeUndefined()
    for (const id of [
      '',
      '1',
      '1.2.3.4.5',
      '1.2.3.4.5.6.7',
      '1.2.3.4.5.-1',
      '1.2.3.4.5.ABC',
      '1.2.3.4.5.zzzzzzzzzzz',
    ])
      expect([id, readPosition(id)]).toEqual([id, undefined])
  })
})

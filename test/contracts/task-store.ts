import { beforeEach, describe, expect, it } from 'vitest'
import type { AttemptRecord, Status, Task, TaskKey } from '../../functions/core/domain/task.ts'
import * as move from '../../functions/core/domain/transitions.ts'
import type { TaskStore } from '../../functions/core/ports/task-store.ts'
import { makeTask } from '../fixtures/make-task.ts'
import type { WholeStore } from '../fixtures/world.ts'

export interface Bench {
  readonly store: WholeStore
  /** Sets the clock that the store was made with. */
  readonly setNow: (now: number) => void
}

const NOW = 1_800_000_000_000
const RECORD: AttemptRecord = { epoch: 1, attempt: 1, startedAt: NOW, endedAt: NOW + 5, outcome: 'completed' }
const ERROR = { code: 'provider_unavailable', message: 'No answer.', retryable: true }
const END: move.EndDetails = { retention: { ttl: 9e9, reapAt: 9e9 }, pending: [] }
const EPOCH_1 = { epoch: 1 }
const FAILED_END = {
  ...END,
  pending: ['dead_letter'],
  error: ERROR,
  usage: undefined,
  entry: { record: RECORD },
} as const
const LATER: move.RetryDetails = {
  wait: { until: NOW, by: 'message' },
  error: ERROR,
  usage: undefined,
  attempt: 1,
  entry: { record: RECORD },
}
const key = { tenant: 'acme', id: 'task0000000000000000000001' }

/** What every task store must do. `open` gives an empty one. */
export function taskStoreContract(name: string, open: () => Promise<Bench>): void {
  describe(`${name} meets the contract of a task store`, () => {
    let bench: Bench
    let store: WholeStore
    beforeEach(async () => {
      bench = await open()
      bench.setNow(NOW)
      store = bench.store
    })
    const change = (transition: move.Transition) => store.change(key, transition)
    const claimed = async (token = 'token-1', now = NOW, dead?: Task) => {
      const outcome = await change(move.claim(1, token, now, dead))
      expect(outcome.changed).toBe(true)
      return outcome.task
    }

    it('reads back exactly what was created', async () => {
      const task = makeTask(NOW, { startBy: NOW + 9, expiresAt: NOW + 9 })
      expect(await store.create(task)).toEqual({ created: true })
      expect(await store.get(key)).toEqual(task)
    })

    it('has no row for an id that is longer than a table key can be', async () => {
      const endless = { tenant: 'acme', id: 'x'.repeat(3_000) }
      expect(await store.get(endless)).toBeUndefined()
      expect(await store.change(endless, move.cancel(makeTask(NOW), NOW, END))).toEqual({
        changed: false,
        task: undefined,
      })
    })

    it('a second create of the same id changes nothing and returns the first row', async () => {
      await store.create(makeTask(NOW))
      const second = await store.create(makeTask(NOW + 5, { bodyHash: 'other', writeId: 'second' }))
      expect(second).toMatchObject({ created: false, existing: { bodyHash: 'hash', createdAt: NOW } })
      expect(await store.get(key)).toMatchObject({ bodyHash: 'hash' })
    })

    it('of 20 concurrent creates one succeeds and 19 return its row', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          store.create(makeTask(NOW, { writeId: `w${n}`, bodyHash: `h${n}` })),
        ),
      )
      expect(outcomes.filter(({ created }) => created)).toHaveLength(1)
      const stored = await store.get(key)
      for (const outcome of outcomes)
        if (!outcome.created) expect(outcome.existing.bodyHash).toBe(stored?.bodyHash)
    })

    it('of 20 concurrent claims one takes the lease', async () => {
      await store.create(makeTask(NOW))
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, n) => change(move.claim(1, `token-${n}`, NOW))),
      )
      expect(outcomes.filter(({ changed }) => changed)).toHaveLength(1)
      expect(await store.get(key)).toMatchObject({ status: 'PROCESSING', attempt: 1 })
    })

    it('a claim returns the row with its new attempt and the end of the lease as its due time', async () => {
      await store.create(makeTask(NOW, { startBy: NOW + 1 }))
      const task = await claimed()
      expect(task).toMatchObject({
        status: 'PROCESSING',
        attempt: 1,
        token: 'token-1',
        claimableFrom: NOW + 60_000,
        dueAt: NOW + 60_000,
        dueKind: 'timed',
        startedAt: NOW,
        updatedAt: NOW,
        input: { json: '{"prompt":"你好 👋"}' },
      })
      expect(task).not.toHaveProperty('startBy')
    })

    it('a valid lease refuses a claim, an expired one allows it', async () => {
      await store.create(makeTask(NOW))
      await claimed('token-1')
      const refused = await change(move.claim(1, 'token-2', NOW + 59_999))
      expect(refused).toMatchObject({
        changed: false,
        task: { token: 'token-1', claimableFrom: NOW + 60_000 },
      })
      expect(await change(move.claim(1, 'token-2', NOW + 60_000))).toMatchObject({ changed: false })
      expect(await claimed('token-2', NOW + 60_000, refused.task)).toMatchObject({
        attempt: 2,
        token: 'token-2',
        history: [{ attempt: 1, outcome: 'worker_crashed', startedAt: NOW }],
      })
      // A second worker that found the same dead attempt is too late.
      expect(await change(move.claim(1, 'token-3', NOW + 200_000, refused.task))).toMatchObject({
        changed: false,
      })
    })

    it('a worker that lost its lease cannot complete, fail, renew or report progress', async () => {
      await store.create(makeTask(NOW))
      const dead = await claimed('token-1')
      await claimed('token-2', NOW + 60_000, dead)
      for (const stale of [
        move.complete('token-1', NOW, {
          ...END,
          result: { json: '"late"' },
          usage: undefined,
          entry: { record: RECORD },
        }),
        move.fail('token-1', NOW, FAILED_END),
        move.retryLater('token-1', NOW, LATER),
        move.renew('token-1', NOW),
        move.report('token-1', NOW, { percent: 5, message: '' }),
      ])
        expect(await change(stale)).toMatchObject({ changed: false, task: { token: 'token-2' } })
    })

    it('a claim of an older or newer epoch is refused', async () => {
      await store.create(makeTask(NOW, { epoch: 2 }))
      for (const epoch of [1, 3])
        expect(await change(move.claim(epoch, 'token', NOW))).toMatchObject({ changed: false })
    })

    it('no attempt begins above the limit of attempts', async () => {
      await store.create(makeTask(NOW, { attempt: 4 }))
      expect(await change(move.claim(1, 'token', NOW))).toMatchObject({
        changed: false,
        task: { attempt: 4 },
      })
    })

    it('after the start deadline a claim is refused and the task can expire', async () => {
      await store.create(makeTask(NOW, { startBy: NOW }))
      expect(await change(move.claim(1, 'token', NOW))).toMatchObject({ changed: false })
      expect(await change(move.expire(EPOCH_1, NOW, END))).toMatchObject({
        changed: true,
        task: { status: 'EXPIRED' },
      })
    })

    it('a completed task leaves the due index, keeps its data and is final', async () => {
      await store.create(makeTask(NOW))
      await claimed()
      const usage = { inputTokens: 3, outputTokens: 4, costMicroUsd: null, provider: 'simulated' }
      const done = await change(
        move.complete('token-1', NOW + 5, {
          ...END,
          result: { json: '"hi"' },
          usage: usage,
          entry: { record: RECORD },
        }),
      )
      expect(done.task).toMatchObject({
        status: 'COMPLETED',
        result: { json: '"hi"' },
        usage,
        history: [RECORD],
      })
      expect(await due()).toEqual([])
      for (const late of [
        move.cancel(makeTask(NOW), NOW, END),
        move.claim(1, 't', NOW + 1e9),
        move.restart(1, NOW),
      ])
        expect(await change(late)).toMatchObject({ changed: false, task: { status: 'COMPLETED' } })
    })

    it('a cancelled task does not show the error of an earlier attempt', async () => {
      await store.create(makeTask(NOW))
      await claimed()
      await change(move.retryLater('token-1', NOW, LATER))
      expect((await store.get(key))?.error).toEqual(ERROR)
      await change(move.cancel(makeTask(NOW), NOW + 1, END))
      const task = await store.get(key)
      expect(task).toMatchObject({ status: 'CANCELLED', history: [RECORD] })
      expect(task?.error).toBeUndefined()
    })

    it('after a cancel no result is stored, only the cost', async () => {
      await store.create(makeTask(NOW))
      const running = (await claimed()) as Task
      expect(await change(move.cancel(makeTask(NOW), NOW + 1, END))).toMatchObject({ changed: false })
      expect(await change(move.cancel(running, NOW + 1, END))).toMatchObject({
        changed: true,
        task: { status: 'CANCELLED', history: [{ attempt: 1, outcome: 'cancelled', endedAt: NOW + 1 }] },
      })
      const late = await change(
        move.complete('token-1', NOW + 5, {
          ...END,
          result: { json: '"hi"' },
          usage: undefined,
          entry: { record: RECORD },
        }),
      )
      expect(late).toMatchObject({ changed: false, task: { status: 'CANCELLED' } })
      const usage = { inputTokens: 3, outputTokens: 4, costMicroUsd: 7, provider: 'openai' }
      const spent = await change(move.recordCancelledUsage(1, 'token-1', usage))
      expect(spent.task).toMatchObject({ status: 'CANCELLED', usage })
      expect(spent.task).not.toHaveProperty('result')
      expect(await due()).toEqual([])
    })

    it('a row stays due until all follow-ups of its end are done; a restart starts the next epoch once', async () => {
      await store.create(makeTask(NOW))
      await claimed()
      await change(move.fail('token-1', NOW, FAILED_END))
      expect(await due('timed', NOW + 60_000)).toMatchObject([{ id: key.id, status: 'FAILED', epoch: 1 }])
      await change(move.followUpsDone(1, NOW, []))
      expect(await due()).toEqual([])
      const both = await Promise.all([change(move.restart(1, NOW)), change(move.restart(1, NOW))])
      expect(both.filter(({ changed }) => changed)).toHaveLength(1)
      const task = await store.get(key)
      expect(task).toMatchObject({ status: 'PENDING', epoch: 2, attempt: 0, history: [RECORD] })
      expect(task).not.toHaveProperty('error')
      expect(task).not.toHaveProperty('ttl')
    })

    it('a restart waits for the follow-ups of the end, except for the dead letter', async () => {
      await store.create(makeTask(NOW))
      await claimed()
      await change(move.fail('token-1', NOW, { ...FAILED_END, pending: ['dead_letter', 'parent'] }))
      expect(await change(move.restart(1, NOW))).toMatchObject({ changed: false })
      await change(move.followUpsDone(1, NOW, ['dead_letter']))
      expect(await due('timed', NOW + 60_000)).toMatchObject([{ id: key.id }])
      expect(await change(move.restart(1, NOW))).toMatchObject({ changed: true, task: { epoch: 2 } })
      expect(await store.get(key)).not.toHaveProperty('pending')
      expect(await change(move.followUpsDone(1, NOW, []))).toMatchObject({ changed: false })
    })

    it('the due index gives rows by kind up to an instant', async () => {
      await store.create(makeTask(NOW))
      await store.create(
        makeTask(NOW, { id: 'parked', dueKind: 'timed', dueAt: NOW + 10, status: 'SCHEDULED', sends: 0 }),
      )
      expect(await due('queued', NOW + 59_999)).toEqual([])
      expect(await due('queued', NOW + 60_000)).toMatchObject([
        { ...key, status: 'PENDING', lane: 'ai', epoch: 1, dueAt: NOW + 60_000, queuedAt: NOW, sends: 1 },
      ])
      expect(await due('timed', NOW + 10)).toMatchObject([{ tenant: 'acme', id: 'parked', sends: 0 }])
    })

    it('a row whose retention has ended does not exist and can be created again', async () => {
      await store.create(makeTask(NOW, { status: 'CANCELLED', ttl: NOW / 1_000 + 10 }))
      expect(await store.get(key)).toBeDefined()
      bench.setNow(NOW + 10_000)
      expect(await store.get(key)).toBeUndefined()
      expect(await change(move.restart(1, NOW))).toEqual({ changed: false, task: undefined })
      expect(await store.create(makeTask(NOW, { bodyHash: 'new' }))).toEqual({ created: true })
    })

    it('tenants with any characters in their names have separate rows', async () => {
      await store.create(makeTask(NOW, { tenant: 'a#b', id: 'c' }))
      expect(await store.get({ tenant: 'a', id: 'b#c' })).toBeUndefined()
      expect(await store.get({ tenant: 'a#b', id: 'c' })).toBeDefined()
      expect(await store.change({ tenant: 'x', id: 'c' }, move.cancel(makeTask(NOW), NOW, END))).toEqual({
        changed: false,
        task: undefined,
      })
    })

    it('reads status and attempt token of many rows at once', async () => {
      await store.create(makeTask(NOW))
      await store.create(makeTask(NOW, { id: 'other' }))
      await claimed()
      const leases = await store.readLeases([
        key,
        { tenant: 'acme', id: 'other' },
        { tenant: 'acme', id: 'none' },
      ])
      expect(leases).toHaveLength(2)
      expect(leases.find(({ id }) => id === key.id)).toMatchObject({
        status: 'PROCESSING',
        token: 'token-1',
      })
    })

    it('the lease returns until when somebody watches the task, which is otherwise unchanged', async () => {
      await store.create(makeTask(NOW))
      const before = await store.get(key)
      await store.markWatched(key, NOW + 30_000)
      await store.markWatched({ tenant: 'acme', id: 'none' }, NOW + 30_000)
      expect(await store.get(key)).toEqual(before)
      expect((await store.readLeases([key]))[0]?.watchedUntil).toBe(NOW + 30_000)
      expect(await store.get({ tenant: 'acme', id: 'none' })).toBeUndefined()
    })

    it('lists newest first, page by page, each row once, with any filter', async () => {
      for (let n = 0; n < 7; n += 1)
        await store.create(
          makeTask(NOW + n, {
            id: `task-${n}`,
            type: n % 2 ? 'odd.one' : 'even.one',
            tags: n > 3 ? ['late'] : [],
          }),
        )
      await store.create(makeTask(NOW, { tenant: 'other', id: 'foreign' }))
      const ids = async (filter: Parameters<TaskStore['list']>[1], limit: number) => {
        const pages: string[][] = []
        let cursor: string | undefined
        do {
          const page = await store.list('acme', filter, limit, cursor)
          pages.push(page.tasks.map(({ id }) => id))
          cursor = page.cursor
        } while (cursor)
        return pages
      }
      expect(await ids({}, 3)).toEqual([
        ['task-6', 'task-5', 'task-4'],
        ['task-3', 'task-2', 'task-1'],
        ['task-0'],
      ])
      expect((await ids({ type: 'odd.one' }, 2)).flat()).toEqual(['task-5', 'task-3', 'task-1'])
      expect((await ids({ tag: 'late' }, 10)).flat()).toEqual(['task-6', 'task-5', 'task-4'])
      expect((await ids({ status: 'COMPLETED' }, 10)).flat()).toEqual([])
      expect((await ids({ status: 'PENDING', tag: 'late' }, 2)).flat()).toEqual([
        'task-6',
        'task-5',
        'task-4',
      ])
      expect((await ids({ createdAfter: NOW + 2, createdBefore: NOW + 4 }, 2)).flat()).toEqual([
        'task-4',
        'task-3',
        'task-2',
      ])
    })

    it('lists tasks by status while they change, in pages that neither omit nor repeat one', async () => {
      const many = Array.from({ length: 23 }, (_, n) => ({
        tenant: 'acme',
        id: `task-${String(n).padStart(2, '0')}`,
      }))
      for (const [n, at] of many.entries()) await store.create(makeTask(NOW, { ...at, createdAt: NOW + n }))
      await store.create(makeTask(NOW, { tenant: 'acme#1', id: 'foreign' }))
      const end = { ...END, pending: [] as const }
      for (const [n, at] of many.entries()) {
        if (n % 3 === 0) continue
        await store.change(at, move.claim(1, `token-${n}`, NOW))
        if (n % 3 === 1) continue
        const written =
          n % 2
            ? move.complete(`token-${n}`, NOW, {
                ...end,
                result: { json: '1' },
                usage: undefined,
                entry: { record: RECORD },
              })
            : move.fail(`token-${n}`, NOW, {
                ...end,
                error: ERROR,
                usage: undefined,
                entry: { record: RECORD },
              })
        await store.change(at, written)
      }
      const listed = async (status: Status, limit: number) => {
        const found: string[] = []
        for (let cursor: string | undefined, page = 0; page === 0 || cursor; page += 1) {
          const answer = await store.list('acme', { status }, limit, cursor)
          expect(answer.tasks.length).toBeLessThanOrEqual(limit)
          found.push(...answer.tasks.map(({ id }) => id))
          cursor = answer.cursor
        }
        return found
      }
      const wanted = (fits: (n: number) => boolean) =>
        many
          .filter((_, n) => fits(n))
          .map(({ id }) => id)
          .toReversed()
      for (const limit of [1, 2, 3, 100]) {
        expect(await listed('PENDING', limit)).toEqual(wanted((n) => n % 3 === 0))
        expect(await listed('PROCESSING', limit)).toEqual(wanted((n) => n % 3 === 1))
        expect(await listed('COMPLETED', limit)).toEqual(wanted((n) => n % 3 === 2 && n % 2 === 1))
        expect(await listed('FAILED', limit)).toEqual(wanted((n) => n % 3 === 2 && n % 2 === 0))
        expect(await listed('CANCELLED', limit)).toEqual([])
      }
      await store.change(many[2] as TaskKey, move.restart(1, NOW))
      expect(await listed('FAILED', 2)).not.toContain('task-02')
      expect(await listed('PENDING', 2)).toContain('task-02')
    })

    async function due(kind: 'queued' | 'timed' = 'timed', upTo = NOW + 1e9) {
      const entries = []
      for (const pages of store.shards(kind, upTo)) for await (const page of pages) entries.push(...page)
      return entries
    }
  })
}

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scheduleTimes } from '../../functions/core/adapters/croner/schedule-times.ts'
import { applyOverlapPolicy } from '../../functions/core/application/run/apply-overlap-policy.ts'
import {
  createSchedule,
  deleteSchedule,
  pauseSchedule,
  resumeSchedule,
  runSchedule,
  type ScheduleDependencies,
  type ScheduleDraft,
  updateSchedule,
} from '../../functions/core/application/schedule/change-schedule.ts'
import { fireSchedule } from '../../functions/core/application/schedule/fire-schedule.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import type { Schedule } from '../../functions/core/domain/schedule.ts'
import type { Task, TaskKey } from '../../functions/core/domain/task.ts'
import { claim, complete } from '../../functions/core/domain/transitions.ts'
import { queuePorts } from '../fixtures/memory-queue.ts'
import { MemorySchedules } from '../fixtures/memory-schedules.ts'
import type { MemoryStore } from '../fixtures/memory-store.ts'
import { type Death, Life } from '../fixtures/mortal.ts'
import { makeWorld } from '../fixtures/world.ts'

const key = { tenant: 'acme', id: 's1' }
const submission = {
  type: 'test.run',
  lane: 'ai',
  input: { at: '{{scheduled_time}}' },
  model: null,
  priority: 0,
  maxAttempts: 1,
  timeoutMs: 60_000,
  tags: [],
}
const draft = (more: Partial<ScheduleDraft> = {}): ScheduleDraft => ({
  name: 'each minute',
  timing: { kind: 'cron', expression: '* * * * *', timezone: 'UTC' },
  overlap: 'allow',
  missed: 'skip',
  jitterMs: 0,
  task: '{}',
  submission: JSON.stringify(submission),
  ...more,
})

function open() {
  const world = makeWorld()
  const schedules = new MemorySchedules()
  const dependencies = { ...world.worker, schedules, times: scheduleTimes }
  const store = world.store as MemoryStore
  const rows = () => [...store.rows.values()].sort((left, right) => (left.runAt ?? 0) - (right.runAt ?? 0))
  return { world, schedules, dependencies, store, rows }
}

const create = async (dependencies: ScheduleDependencies, at: TaskKey, wanted: ScheduleDraft) =>
  (await createSchedule(dependencies, at, wanted, 'hash')).schedule

async function finish(store: MemoryStore, task: Task, now: number) {
  const record = { epoch: 1, attempt: 1, startedAt: now, endedAt: now, outcome: 'completed' }
  const end = { retention: { ttl: 9e9, reapAt: 9e9 }, pending: [], entry: { record }, usage: undefined }
  await store.change(task, complete(`t-${task.id}`, now, { ...end, result: { json: '1' } }))
}

describe('a schedule', () => {
  it('submits ahead of time, each planned time once, however often it is processed', async () => {
    const { world, dependencies, schedules, rows } = open()
    await create(dependencies, key, draft())
    for (let minute = 0; minute < 5; minute += 1) {
      await Promise.all([fireSchedule(dependencies, key), fireSchedule(dependencies, key)])
      await fireSchedule(dependencies, key)
      await world.clock.advance(60_000)
    }
    const planned = rows().map(({ firing }) => firing?.plannedAt)
    expect(new Set(planned).size).toBe(planned.length)
    expect(planned.length).toBeGreaterThanOrEqual(5)
    for (const task of rows()) {
      expect(task.runAt).toBe(task.firing?.plannedAt)
      expect('json' in task.input && JSON.parse(task.input.json).at).toBe(
        new Date(task.firing?.plannedAt ?? 0).toISOString(),
      )
    }
    expect((await schedules.get(key))?.fired).toBe(planned.length)
  })

  it('a sweeper that dies between submit and write still makes exactly one task', async () => {
    for (const isApplied of [true, false])
      for (let atCall = 1; atCall <= 8; atCall += 1) {
        const { world, dependencies, schedules, store, rows } = open()
        await create(dependencies, key, draft())
        const death: Death = { atCall, isApplied }
        const life = new Life(death, world.clock.sleep)
        void fireSchedule(
          {
            ...dependencies,
            store: life.wrap(store),
            schedules: life.wrap(schedules),
            ...queuePorts(life.wrap(world.queue)),
          },
          key,
        )
        await world.clock.settle()
        await fireSchedule(dependencies, key)
        expect(rows()).toHaveLength(1)
        const { nextAt = 0 } = (await schedules.get(key)) ?? {}
        expect(nextAt).toBeGreaterThan(rows().at(-1)?.runAt ?? 0)
      }
  })

  it('a thousand that are due in the same second each fire once', async () => {
    const { world, dependencies, schedules, rows } = open()
    const first = await create(dependencies, { tenant: 'acme', id: 'first' }, draft())
    for (let index = 0; index < 1_000; index += 1) await schedules.create({ ...first, id: `s${index}` })
    const due = schedules.due(world.clock.now() + 75_000)
    expect(due.length).toBe(1_001)
    await Promise.all(due.map((one) => fireSchedule(dependencies, one)))
    const fired = rows().map(({ firing }) => `${firing?.schedule}/${firing?.plannedAt}`)
    expect(new Set(fired).size).toBe(fired.length)
    expect(new Set(rows().map(({ firing }) => firing?.schedule)).size).toBe(1_001)
  })

  it('a pause cancels tasks that were submitted ahead of time; a resume does not fire missed times', async () => {
    const { world, dependencies, schedules, rows } = open()
    await create(dependencies, key, draft())
    await fireSchedule(dependencies, key)
    expect(rows().some(({ status }) => status === 'SCHEDULED')).toBe(true)
    await pauseSchedule(dependencies, key)
    expect(rows().filter(({ status }) => status === 'SCHEDULED')).toEqual([])
    await world.clock.advance(3_600_000)
    await fireSchedule(dependencies, key)
    const before = rows().length
    await resumeSchedule(dependencies, key)
    expect((await schedules.get(key))?.nextAt).toBeGreaterThan(world.clock.now())
    await fireSchedule(dependencies, key)
    expect(rows().length).toBeLessThanOrEqual(before + 2)
  })

  it('a firing that a pause or a change cancelled still runs at its time, once, with the latest settings', async () => {
    for (const change of ['pause', 'task'] as const) {
      const { world, dependencies, schedules, rows } = open()
      await create(dependencies, key, draft())
      await fireSchedule(dependencies, key)
      const [before] = rows()
      if (change === 'pause') {
        await pauseSchedule(dependencies, key)
        await resumeSchedule(dependencies, key)
      } else
        await updateSchedule(dependencies, key, async () =>
          draft({ submission: JSON.stringify({ ...submission, input: 'new' }) }),
        )
      await fireSchedule(dependencies, key)
      const again = rows().filter(({ firing }) => firing?.plannedAt === before?.firing?.plannedAt)
      expect(again.map(({ status }) => status).sort()).toEqual(['CANCELLED', 'SCHEDULED'])
      await world.clock.advance(60_000)
      await fireSchedule(dependencies, key)
      const left = rows().filter(({ status }) => status === 'SCHEDULED')
      expect(new Set(left.map(({ runAt }) => runAt)).size).toBe(left.length)
      if (change === 'task')
        expect(left.map(({ input }) => 'json' in input && input.json)).toEqual(left.map(() => '"new"'))
      expect((await schedules.get(key))?.nextAt).toBeGreaterThan(world.clock.now())
    }
  })

  it('a change of the name cancels and moves nothing, also of a schedule that has ended', async () => {
    const { world, dependencies, schedules, rows } = open()
    await create(dependencies, key, draft())
    await fireSchedule(dependencies, key)
    const { nextAt } = (await schedules.get(key)) ?? {}
    await updateSchedule(dependencies, key, async () => draft({ name: 'other' }))
    expect(rows().every(({ status }) => status === 'SCHEDULED')).toBe(true)
    expect(await schedules.get(key)).toMatchObject({ name: 'other', nextAt })
    const once = draft({ timing: { kind: 'once', at: world.clock.now() + 1_000 } })
    const other = { tenant: 'acme', id: 's2' }
    await create(dependencies, other, once)
    await fireSchedule(dependencies, other)
    await world.clock.advance(60_000)
    await updateSchedule(dependencies, other, async () => ({ ...once, name: 'was' }))
    expect(await schedules.get(other)).toMatchObject({ name: 'was', fired: 1 })
    expect((await schedules.get(other))?.nextAt).toBeUndefined()
  })

  it('a pause, a change or a delete in the middle of a sweep has its full effect', async () => {
    for (const change of ['pause', 'task', 'delete'] as const) {
      const { dependencies, schedules, rows, store } = open()
      await create(dependencies, key, draft())
      const submit = store.create.bind(store)
      let isMet = false
      store.create = async (task) => {
        if (!isMet) {
          isMet = true
          if (change === 'pause') await pauseSchedule(dependencies, key)
          if (change === 'delete') await deleteSchedule(dependencies, key)
          if (change === 'task')
            await updateSchedule(dependencies, key, async () =>
              draft({ submission: JSON.stringify({ ...submission, input: 'new' }) }),
            )
        }
        return submit(task)
      }
      await fireSchedule(dependencies, key)
      const open_ = () => rows().filter(({ status }) => status === 'SCHEDULED')
      expect(open_()).toEqual([])
      if (change !== 'task') continue
      await fireSchedule(dependencies, key)
      expect(open_().map(({ input }) => 'json' in input && input.json)).toContain('"new"')
      expect(new Set(open_().map(({ runAt }) => runAt)).size).toBe(open_().length)
      expect(await schedules.get(key)).toMatchObject({ edition: 1 })
    }
  })

  it('a task’s start deadline is counted from its planned time, not from the submit ahead of it', async () => {
    const { dependencies, rows } = open()
    await create(
      dependencies,
      key,
      draft({ submission: JSON.stringify({ ...submission, expiresInMs: 5_000 }) }),
    )
    await fireSchedule(dependencies, key)
    expect(rows().length).toBeGreaterThan(0)
    for (const { runAt = 0, expiresAt } of rows()) expect(expiresAt).toBe(runAt + 5_000)
  })

  it('a pause cancels all tasks of a schedule that fires every second with jitter', async () => {
    const { dependencies, rows } = open()
    const timing = { kind: 'cron', expression: '* * * * * *', timezone: 'UTC' } as const
    await create(dependencies, key, draft({ timing, jitterMs: 3_600_000 }))
    await fireSchedule(dependencies, key)
    expect(rows().length).toBeGreaterThan(60)
    await pauseSchedule(dependencies, key)
    expect(rows().filter(({ status }) => status === 'SCHEDULED')).toEqual([])
  })

  it('the same key returns the same schedule, also when its time has passed; another body is refused', async () => {
    const { world, dependencies, schedules } = open()
    const once = draft({ timing: { kind: 'once', at: world.clock.now() + 1_000 } })
    const first = await createSchedule(dependencies, key, once, 'h1')
    expect(first.isReplay).toBe(false)
    await world.clock.advance(60_000)
    expect(await createSchedule(dependencies, key, once, 'h1')).toMatchObject({ isReplay: true })
    await expect(createSchedule(dependencies, key, once, 'h2')).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    })
    expect(schedules.rows.size).toBe(1)
  })

  it('a manual run has the time of the call in its input, and the same key returns the same task', async () => {
    const { world, dependencies, rows } = open()
    await create(dependencies, key, draft())
    const first = await runSchedule(dependencies, key, 'k')
    const now = new Date(world.clock.now()).toISOString()
    expect('json' in first.task.input && first.task.input.json).toBe(`{"at":"${now}"}`)
    await world.clock.advance(1_000)
    const again = await runSchedule(dependencies, key, 'k')
    expect([again.task.id, again.isReplay]).toEqual([first.task.id, true])
    await runSchedule(dependencies, key)
    await runSchedule(dependencies, key)
    expect(rows()).toHaveLength(3)
  })

  it('each planned time runs once with the latest settings, and none while paused, whatever is changed and wherever a process dies', async () => {
    const steps = fc.array(
      fc.record({
        act: fc.constantFrom('pause', 'resume', 'task', 'name', 'none', 'none'),
        death: fc.option(fc.record({ atCall: fc.integer({ min: 1, max: 12 }), isApplied: fc.boolean() })),
      }),
      { minLength: 3, maxLength: 24 },
    )
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const { world, dependencies, schedules, store, rows } = open()
        await create(dependencies, key, draft())
        // Ten seconds after the minute, then every twenty seconds: no action is at a planned time.
        await world.clock.advance(60_000 - (world.clock.now() % 60_000) + 10_000)
        const expected = new Map<number, string>()
        let wanted = 'first'
        const submissionOf = (input: string) => JSON.stringify({ ...submission, input })
        await updateSchedule(dependencies, key, async () => draft({ submission: submissionOf(wanted) }))
        for (const [index, { act, death }] of list.entries()) {
          if (act === 'pause') await pauseSchedule(dependencies, key)
          if (act === 'resume') await resumeSchedule(dependencies, key)
          if (act === 'task') wanted = `input ${index}`
          if (act === 'task' || act === 'name')
            await updateSchedule(dependencies, key, async () =>
              draft({ name: `name ${index}`, submission: submissionOf(wanted) }),
            )
          const life = new Life(death ?? undefined, world.clock.sleep)
          void fireSchedule(
            {
              ...dependencies,
              store: life.wrap(store),
              schedules: life.wrap(schedules),
              ...queuePorts(life.wrap(world.queue)),
            },
            key,
          )
          await world.clock.settle()
          if (death) await fireSchedule(dependencies, key)
          const { isPaused } = (await schedules.get(key)) as Schedule
          const minute = Math.ceil(world.clock.now() / 60_000) * 60_000
          await world.clock.advance(20_000)
          if (world.clock.now() > minute && !isPaused) expected.set(minute, JSON.stringify(wanted))
        }
        const ran = rows().filter(
          ({ status, runAt = 0 }) => status !== 'CANCELLED' && runAt <= world.clock.now(),
        )
        expect(ran.map(({ runAt, input }) => [runAt, 'json' in input && input.json])).toEqual([...expected])
      }),
      { numRuns: 150 },
    )
  })

  it('a change applies from now on, a delete cancels all future tasks, a manual run does not change the plan', async () => {
    const { dependencies, schedules, rows } = open()
    await create(dependencies, key, draft())
    const changed = await updateSchedule(dependencies, key, async () =>
      draft({ timing: { kind: 'rate', everyMs: 3_600_000, anchor: 0 } }),
    )
    expect(changed.timing.kind).toBe('rate')
    const { task } = await runSchedule(dependencies, key)
    expect(task).toMatchObject({ status: 'PENDING', type: 'test.run' })
    await deleteSchedule(dependencies, key)
    expect(schedules.rows.size).toBe(0)
    await fireSchedule(dependencies, key)
    expect(rows()).toHaveLength(1)
    await expect(pauseSchedule(dependencies, key)).rejects.toThrow('There is no schedule "s1"')
  })

  it('a schedule that never fires is refused, and one of the stage cannot be changed', async () => {
    const { dependencies, schedules } = open()
    const past = draft({ timing: { kind: 'once', at: 1 } })
    await expect(create(dependencies, key, past)).rejects.toThrow(/never fires/)
    const made = await create(dependencies, key, draft())
    await schedules.replace(made, { ...made, source: 'stage' })
    await expect(pauseSchedule(dependencies, key)).rejects.toThrow(/belongs to the stage/)
  })
})

describe('a firing that starts while the previous task still runs', () => {
  const setUp = async (overlap: 'skip' | 'cancel_running') => {
    const { world, dependencies, store, rows } = open()
    await create(dependencies, key, draft({ overlap }))
    for (let minute = 0; minute < 3; minute += 1) {
      await fireSchedule(dependencies, key)
      await world.clock.advance(60_000)
    }
    const begin = async (index: number) => {
      const task = rows()[index] as Task
      const { task: claimed } = await store.change(task, claim(1, `t-${task.id}`, world.clock.now()))
      return claimed as Task
    }
    return { world, dependencies, store, rows, begin }
  }

  it('is skipped, and so is the next, until the running task ends', async () => {
    const { world, dependencies, store, rows, begin } = await setUp('skip')
    const first = await begin(0)
    expect(await applyOverlapPolicy(dependencies, first, `t-${first.id}`)).toBe(false)
    for (const index of [1, 2]) {
      const task = await begin(index)
      expect(await applyOverlapPolicy(dependencies, task, `t-${task.id}`)).toBe(true)
      expect(rows()[index]).toMatchObject({ status: 'CANCELLED', error: { code: 'schedule_overlap' } })
    }
    await finish(store, first, world.clock.now())
    await fireSchedule(dependencies, key)
    await world.clock.advance(60_000)
    const last = await begin(3)
    expect(await applyOverlapPolicy(dependencies, last, `t-${last.id}`)).toBe(false)
  })

  it('ignores a task that was cancelled before it started', async () => {
    const { dependencies, rows, begin } = await setUp('skip')
    await begin(0)
    await cancelTask(dependencies, rows()[1] as Task)
    const third = await begin(2)
    expect(await applyOverlapPolicy(dependencies, third, `t-${third.id}`)).toBe(true)
  })

  it('cancels the running task where the schedule says so', async () => {
    const { dependencies, rows, begin } = await setUp('cancel_running')
    await begin(0)
    const second = await begin(1)
    expect(await applyOverlapPolicy(dependencies, second, `t-${second.id}`)).toBe(false)
    expect(
      rows()
        .map(({ status }) => status)
        .slice(0, 2),
    ).toEqual(['CANCELLED', 'PROCESSING'])
  })
})

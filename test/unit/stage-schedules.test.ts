import { describe, expect, it } from 'vitest'
import { ENV } from '../../functions/contract.ts'
import { scheduleTimes } from '../../functions/core/adapters/croner/schedule-times.ts'
import { updateSchedule } from '../../functions/core/application/schedule/change-schedule.ts'
import {
  type DeclaredSchedule,
  declareSchedules,
} from '../../functions/core/application/schedule/declare-schedules.ts'
import { fireSchedule } from '../../functions/core/application/schedule/fire-schedule.ts'
import { readConfig } from '../../functions/hosts/config.ts'
import { declaredSchedules, schedulesSchema } from '../../lib/stages/stage-schedules.ts'
import { MemorySchedules } from '../fixtures/memory-schedules.ts'
import { type Death, Life } from '../fixtures/mortal.ts'
import { makeWorld } from '../fixtures/world.ts'

const TENANT = 'default'
const add = { type: 'example.add', input: { x: 1, y: 2 } }
const nightly = { cron: '0 2 * * *', timeZone: 'Europe/Berlin', task: add }

/** The schedules of a stage's file as the sweeper reads them. */
function toDeclared(
  schedules: Readonly<Record<string, object>>,
  withCleanup = false,
): readonly DeclaredSchedule[] {
  const text = JSON.stringify(
    declaredSchedules({
      schedules: schedulesSchema.parse(schedules),
      cleanup: { hour: 2, timeZone: 'Europe/Berlin' },
      models: { defaultModel: 'some-model' },
    }),
  )
  return readConfig([ENV.stageSchedules], { [ENV.stageSchedules]: text })
    .STAGE_SCHEDULES.map((one) => ({
      ...one,
      submission: { ...one.submission, input: one.task.input },
    }))
    .filter(({ name }) => name !== 'cleanup' || withCleanup)
}

function open() {
  const world = makeWorld()
  const schedules = new MemorySchedules()
  const dependencies = { ...world.worker, schedules, times: scheduleTimes }
  const declare = (file: Readonly<Record<string, object>>) =>
    declareSchedules(dependencies, TENANT, toDeclared(file))
  const rows = () => [...schedules.rows.values()]
  return { world, schedules, dependencies, declare, rows }
}

describe('the schedules of a stage’s file', () => {
  it('become rows that fire according to their type, and that the API cannot change', async () => {
    const { declare, rows, dependencies, world } = open()
    await declare({ nightly })
    const [row] = rows()
    expect(row).toMatchObject({ id: 'stage-nightly', tenant: TENANT, source: 'stage', fired: 0 })
    await world.clock.advance((row?.nextAt ?? 0) - world.clock.now() - 30_000)
    await fireSchedule(dependencies, { tenant: TENANT, id: 'stage-nightly' })
    expect(rows()[0]).toMatchObject({ fired: 1, lastTaskId: expect.any(String) })
    const task = await dependencies.store.get({ tenant: TENANT, id: rows()[0]?.lastTaskId ?? '' })
    expect(task).toMatchObject({ type: 'example.add', lane: 'demo', input: { json: '{"x":1,"y":2}' } })
    await expect(
      updateSchedule(dependencies, { tenant: TENANT, id: 'stage-nightly' }, async (seen) => seen),
    ).rejects.toThrow(/change it in the stage's file/)
  })

  it('include the daily cleanup, also when the file does not mention it, as an ordinary task', async () => {
    const { dependencies, schedules, rows, world } = open()
    await declareSchedules({ ...dependencies, schedules }, TENANT, toDeclared({}, true))
    const [row] = rows()
    expect(row).toMatchObject({
      id: 'stage-cleanup',
      timing: { kind: 'cron', expression: '0 2 * * *', timezone: 'Europe/Berlin' },
      overlap: 'skip',
      missed: 'run_once',
    })
    await world.clock.advance((row?.nextAt ?? 0) - world.clock.now() - 30_000)
    await fireSchedule(dependencies, { tenant: TENANT, id: 'stage-cleanup' })
    const task = await dependencies.store.get({ tenant: TENANT, id: rows()[0]?.lastTaskId ?? '' })
    expect(task).toMatchObject({ type: 'maintenance.cleanup', status: 'SCHEDULED', input: { json: '{}' } })
    const own = toDeclared({ cleanup: { ...nightly, task: { type: 'maintenance.cleanup' } } }, true)
    expect(own.map(({ name, timing }) => [name, timing])).toEqual([
      ['cleanup', { kind: 'cron', expression: '0 2 * * *', timezone: 'Europe/Berlin' }],
    ])
  })

  it('a deploy without changes writes nothing and moves no firing; a changed schedule is planned again', async () => {
    const { declare, rows, world } = open()
    const file = { nightly, often: { everySeconds: 600, task: add } }
    await declare(file)
    const before = structuredClone(rows())
    await world.clock.advance(7 * 60_000)
    await declare(file)
    expect(rows()).toEqual(before)
    await declare({ ...file, nightly: { ...nightly, cron: '30 2 * * *' } })
    const [first, second] = rows()
    expect(first).toMatchObject({ version: 2, timing: { expression: '30 2 * * *' } })
    expect(second).toEqual(before[1])
  })

  it('a schedule that the file no longer contains is deleted; those of callers stay', async () => {
    const { declare, rows, schedules } = open()
    await declare({ nightly })
    const [own] = rows()
    if (!own) throw new Error('nothing was declared')
    await schedules.create({ ...own, id: '01abc', source: 'api' })
    await declare({})
    expect(rows().map(({ id }) => id)).toEqual(['01abc'])
  })

  it('are completed by the next sweeper after a process died at any call', async () => {
    const file = { a: nightly, b: { everySeconds: 60, task: add } }
    for (const isApplied of [true, false])
      for (let atCall = 1; atCall <= 4; atCall += 1) {
        const { declare, rows, schedules, dependencies } = open()
        await declare({ gone: nightly, a: { ...nightly, cron: '0 5 * * *' } })
        const death: Death = { atCall, isApplied }
        const life = new Life(death, async () => undefined)
        void declareSchedules({ ...dependencies, schedules: life.wrap(schedules) }, TENANT, toDeclared(file))
        for (let quiet = 0; quiet < 20; quiet += 1) await new Promise((resolve) => setImmediate(resolve))
        await declare(file)
        expect(
          rows().map(({ id, timing }) => [id, timing.kind === 'cron' ? timing.expression : timing.kind]),
        ).toEqual(
          expect.arrayContaining([
            ['stage-a', '0 2 * * *'],
            ['stage-b', 'rate'],
          ]),
        )
        expect(rows()).toHaveLength(2)
      }
  })

  it.each([
    [{ task: add }, 'cron', /must be given, or everySeconds/],
    [{ cron: '0 2 * * *', everySeconds: 5, task: add }, 'cron', /not both/],
    [{ cron: '0 25 * * *', task: add }, 'cron', /hour/],
    [{ cron: '0 2 30 2 *', task: add }, 'cron', /never comes/],
    [{ ...nightly, timeZone: 'Mars/Olympus' }, 'timeZone', /IANA/],
    [{ everySeconds: 5, timeZone: 'UTC', task: add }, 'timeZone', /goes with cron/],
    [{ ...nightly, task: { ...add, type: 'example.ad' } }, 'task.type', /Nearest: "example.add"/],
    [{ ...nightly, task: { ...add, input: { x: 'one', y: 2 } } }, 'task.input.x', /number/],
    [{ ...nightly, task: { ...add, model: 'gpt-4o' } }, 'task.model', /calls no model/],
    [{ ...nightly, tenant: 'acme' }, '', /tenant/],
  ])('a mistake fails at synth with its place (%#)', (schedule, path, message) => {
    const { error } = schedulesSchema.safeParse({ nightly: schedule })
    const found = error?.issues.find((issue) => issue.path.join('.') === `nightly${path && `.${path}`}`)
    expect(found?.message ?? JSON.stringify(error?.issues)).toMatch(message)
  })

  it('more than the sweeper’s environment can contain is refused, with what to do', () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`one-${index}`, nightly]))
    expect(schedulesSchema.safeParse(many).error?.issues[0]?.message).toMatch(
      /at most 2000 fit.*over the API/,
    )
  })
})

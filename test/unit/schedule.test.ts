import { describe, expect, it } from 'vitest'
import { checkCron, scheduleTimes } from '../../functions/core/adapters/croner/schedule-times.ts'
import { describeTiming } from '../../functions/core/adapters/croner/timing-words.ts'
import { RequestError } from '../../functions/core/domain/errors.ts'
import {
  firingKey,
  firingStartOf,
  MAX_CATCH_UP_FIRINGS,
  nextPlannedTimes,
  planFirings,
  type Timing,
  withScheduledTime,
} from '../../functions/core/domain/schedule.ts'

const at = (text: string): number => Date.parse(text)
const iso = (instants: readonly number[]): readonly string[] =>
  instants.map((one) => new Date(one).toISOString())
const cron = (expression: string, timezone = 'UTC'): Timing => ({ kind: 'cron', expression, timezone })
const plannedAfter = (timing: Timing, from: string, count = 3) =>
  iso(nextPlannedTimes(scheduleTimes, { timing }, at(from), count))

describe('the times of a schedule', () => {
  it('follow local time across both changes of daylight saving', () => {
    const daily = cron('0 9 * * *', 'Europe/Berlin')
    expect(plannedAfter(daily, '2027-03-27T00:00:00Z')).toEqual([
      '2027-03-27T08:00:00.000Z',
      '2027-03-28T07:00:00.000Z',
      '2027-03-29T07:00:00.000Z',
    ])
    expect(plannedAfter(daily, '2027-10-30T00:00:00Z')).toEqual([
      '2027-10-30T07:00:00.000Z',
      '2027-10-31T08:00:00.000Z',
      '2027-11-01T08:00:00.000Z',
    ])
  })

  it('a time in a skipped hour fires once, an hour later; a time in a repeated hour fires once', () => {
    const half = cron('30 2 * * *', 'Europe/Berlin')
    expect(plannedAfter(half, '2027-03-27T12:00:00Z', 2)).toEqual([
      '2027-03-28T01:00:00.000Z',
      '2027-03-29T00:30:00.000Z',
    ])
    expect(plannedAfter(half, '2027-10-30T12:00:00Z', 2)).toEqual([
      '2027-10-31T00:30:00.000Z',
      '2027-11-01T01:30:00.000Z',
    ])
  })

  it('include 29 February, the last day of a month and the first Monday', () => {
    expect(plannedAfter(cron('0 9 29 2 *'), '2026-01-01T00:00:00Z', 2)).toEqual([
      '2028-02-29T09:00:00.000Z',
      '2032-02-29T09:00:00.000Z',
    ])
    expect(plannedAfter(cron('0 0 L * *'), '2027-01-15T00:00:00Z', 2)).toEqual([
      '2027-01-31T00:00:00.000Z',
      '2027-02-28T00:00:00.000Z',
    ])
    expect(plannedAfter(cron('0 0 * * MON#1'), '2026-11-25T00:00:00Z', 1)).toEqual([
      '2026-12-07T00:00:00.000Z',
    ])
  })

  it('when the last hour of a day is skipped, its firing is early on the next day, and later days are as usual', () => {
    expect(plannedAfter(cron('59 23 * * *', 'America/Nuuk'), '2026-03-27T12:00:00Z')).toEqual([
      '2026-03-28T01:59:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:59:00.000Z',
    ])
    expect(plannedAfter(cron('0 23 * * SAT', 'America/Nuuk'), '2026-03-22T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-04-05T00:00:00.000Z',
    ])
    expect(plannedAfter(cron('*/30 * * * *', 'America/Nuuk'), '2026-03-29T00:30:00Z', 3)).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-29T01:30:00.000Z',
      '2026-03-29T02:00:00.000Z',
    ])
  })

  it('when half an hour is skipped, an hourly schedule continues as before', () => {
    expect(plannedAfter(cron('0 * * * *', 'Australia/Lord_Howe'), '2026-10-03T14:00:00Z')).toEqual([
      '2026-10-03T14:30:00.000Z',
      '2026-10-03T16:00:00.000Z',
      '2026-10-03T17:00:00.000Z',
    ])
  })

  it('a zone whose rules changed is followed before and after the change', () => {
    // Mexico City ended daylight saving in October 2022: 09:00 was 14:00 UTC in summer 2022 and is 15:00 in 2023.
    const daily = cron('0 9 * * *', 'America/Mexico_City')
    expect(plannedAfter(daily, '2022-07-01T00:00:00Z', 1)).toEqual(['2022-07-01T14:00:00.000Z'])
    expect(plannedAfter(daily, '2023-07-01T00:00:00Z', 1)).toEqual(['2023-07-01T15:00:00.000Z'])
  })

  it('a rate counts from its anchor, so that a late firing does not move the following ones', () => {
    const rate: Timing = { kind: 'rate', everyMs: 60_000, anchor: at('2026-11-25T00:00:30Z') }
    expect(plannedAfter(rate, '2026-11-25T00:00:30Z', 2)).toEqual([
      '2026-11-25T00:01:30.000Z',
      '2026-11-25T00:02:30.000Z',
    ])
    expect(plannedAfter(rate, '2026-11-24T00:00:00Z', 1)).toEqual(['2026-11-25T00:00:30.000Z'])
    expect(scheduleTimes.previous(rate, at('2026-11-25T00:02:30Z'))).toBe(at('2026-11-25T00:01:30Z'))
  })

  it('are between start and end', () => {
    const timing = cron('0 * * * *')
    const bounds = { timing, startAt: at('2026-11-25T10:00:00Z'), endAt: at('2026-11-25T11:00:00Z') }
    expect(iso(nextPlannedTimes(scheduleTimes, bounds, 0, 5))).toEqual([
      '2026-11-25T10:00:00.000Z',
      '2026-11-25T11:00:00.000Z',
    ])
  })

  it('are described in words', async () => {
    expect(await describeTiming(cron('0 9 * * MON-FRI', 'Europe/Berlin'))).toBe(
      'At 09:00, Monday through Friday (Europe/Berlin)',
    )
    expect(await describeTiming(cron('0 0 13 * FRI'))).toBe(
      'At 00:00, on day 13 of the month, or on Friday (UTC)',
    )
    expect(await describeTiming({ kind: 'rate', everyMs: 90_000, anchor: 0 })).toBe('Every 90 seconds')
  })

  it.each([
    // One matching day is enough, in any notation.
    ['0 9 1-7 * MON-FRI', 'At 09:00, between day 1 and 7 of the month, or Monday through Friday (UTC)'],
    ['0 9 L * MON', 'At 09:00, on the last day of the month, or on Monday (UTC)'],
    ['0 0 29 2 MON', 'At 00:00, on day 29 of the month, or on Monday, only in February (UTC)'],
    ['0 9 1-7 * +MON', 'At 09:00, between day 1 and 7 of the month, and on Monday (UTC)'],
    // Forms that the library for times supports and the library for descriptions does not.
    ['0 0 * * FRI#L', 'At 00:00, on the last Friday of the month (UTC)'],
    ['? ? ? ? ?', 'Every minute (UTC)'],
    ['0 9 * * MON#1,WED#3', 'At 09:00, on the first Monday and third Wednesday of the month (UTC)'],
  ])('%s is described correctly', async (expression, words) => {
    checkCron(expression, 'UTC')
    expect(await describeTiming(cron(expression))).toBe(words)
  })

  it('that have no description are shown as their expression', async () => {
    expect(await describeTiming(cron('0 0 * * odd'))).toBe('By cron 0 0 * * odd (UTC)')
  })

  it('occur on every day exactly once, in zones whose clocks change at midnight, by half an hour, or in Ramadan', () => {
    for (const timezone of [
      'Africa/Cairo',
      'America/Havana',
      'Australia/Lord_Howe',
      'Africa/Casablanca',
      'Asia/Kathmandu',
    ])
      for (const expression of ['0 0 * * *', '30 0 * * *', '30 2 * * *', '59 23 * * *']) {
        const days = nextPlannedTimes(
          scheduleTimes,
          { timing: cron(expression, timezone) },
          at('2026-01-01T12:00:00Z'),
          366,
        ).map((one) => new Date(one).toLocaleDateString('en-CA', { timeZone: timezone }))
        expect([timezone, expression, new Set(days).size]).toEqual([timezone, expression, 366])
        expect(Date.parse(days.at(-1) ?? '') - Date.parse(days[0] ?? '')).toBe(365 * 86_400_000)
      }
  })
})

describe('a cron expression that is not valid', () => {
  const messageOf = (expression: string, timezone = 'UTC'): string => {
    try {
      checkCron(expression, timezone)
      return 'valid'
    } catch (error) {
      expect(error).toBeInstanceOf(RequestError)
      return (error as RequestError).message
    }
  }
  it.each([
    ['61 0 * * *', /^cron .*the minute "61" is out of its range/],
    ['0 25 * * *', /^cron .*the hour "25"/],
    ['0 0 32 * *', /^cron .*the day of month "32"/],
    ['0 0 0 * *', /^cron .*the day of month "0" is out of its range/],
    ['0 0 * 13 *', /^cron .*the month "13"/],
    ['0 0 * * 8', /^cron .*the day of week "8"/],
    ['61 0 0 * * *', /^cron .*the second "61"/],
    ['5/15 * * * *', /^cron .*the minute "5\/15" has a step after a number/],
    ['0 22-2 * * *', /^cron .*the hour "22-2" goes from a later/],
    ['0 9 * * Monday', /^cron .*the day of week "Monday"/],
    ['a b c d e', /^cron .*the minute "a" cannot be read/],
    ['* * *', /five fields.*not 3/],
    ['0 0 0 0 0 0 0', /not 7/],
    ['', /five fields/],
    ['@daily', /five fields/],
    ['0 9 31 2 *', /never comes/],
  ])('%s is refused with the name of the field', (expression, message) => {
    expect(messageOf(expression)).toMatch(message)
  })
  it('with an unknown time zone is refused with the zone’s name', () => {
    expect(messageOf('0 9 * * *', 'Europe/Berln')).toMatch(
      /^timezone "Europe\/Berln" is not an IANA time zone/,
    )
    expect(messageOf('0 9 * * *', '+02:00')).toMatch(/^timezone/)
  })
})

describe('the firings of a due schedule', () => {
  const now = at('2026-11-25T12:00:00Z')
  const horizon = now + 75_000
  const minutely = cron('* * * * *')
  const look = (plan: {
    timing?: Timing
    missed?: 'skip' | 'run_once' | 'run_all'
    nextAt: number
    endAt?: number
  }) => planFirings(scheduleTimes, { timing: minutely, missed: 'skip', ...plan }, now, horizon)

  it('are those planned within the look-ahead, and the next time moves on', () => {
    const { planned, nextAt } = look({ nextAt: at('2026-11-25T12:00:00Z') })
    expect(iso(planned)).toEqual(['2026-11-25T12:00:00.000Z', '2026-11-25T12:01:00.000Z'])
    expect(iso([nextAt ?? 0])).toEqual(['2026-11-25T12:02:00.000Z'])
  })

  it('a firing that is less than five minutes late is not missed', () => {
    expect(look({ nextAt: at('2026-11-25T11:56:00Z') }).planned).toHaveLength(6)
  })

  it.each([
    ['skip', 0],
    ['run_once', 1],
    ['run_all', MAX_CATCH_UP_FIRINGS],
  ] as const)('after an outage of ten hours, %s fires %i missed times', (missed, madeUp) => {
    const { planned } = look({ nextAt: at('2026-11-25T02:00:00Z'), missed })
    const old = planned.filter((one) => one < now - 5 * 60_000)
    expect(old).toHaveLength(madeUp)
    // The latest of them, oldest first, and each once.
    if (madeUp) expect(iso([old.at(-1) ?? 0])).toEqual(['2026-11-25T11:54:00.000Z'])
    expect(new Set(planned).size).toBe(planned.length)
    expect([...planned].sort((left, right) => left - right)).toEqual(planned)
  })

  it('run_all after a short outage fires each missed time', () => {
    const { planned, missed } = look({ nextAt: at('2026-11-25T11:30:00Z'), missed: 'run_all' })
    expect(planned).toHaveLength(32)
    expect(missed).toBe(0)
  })

  it('a schedule that fires every second needs bounded work after an outage of a year', () => {
    const { planned, nextAt } = look({
      timing: cron('* * * * * *'),
      nextAt: at('2025-11-25T12:00:00Z'),
      missed: 'run_all',
    })
    expect(planned.length).toBeLessThanOrEqual(200)
    expect(nextAt).toBeGreaterThan(now - 5 * 60_000)
  })

  it('a schedule of one time fires once, also when it was missed and is to run once', () => {
    const timing: Timing = { kind: 'once', at: at('2026-11-25T08:00:00Z') }
    expect(look({ timing, nextAt: timing.at, missed: 'run_once' })).toEqual({
      planned: [timing.at],
      missed: 0,
      nextAt: undefined,
    })
    expect(look({ timing, nextAt: timing.at, missed: 'skip' })).toEqual({
      planned: [],
      missed: 1,
      nextAt: undefined,
    })
  })
})

describe('a firing', () => {
  it('is delayed by its own jitter, the same each time', () => {
    const schedule = { id: 's1', jitterMs: 30_000 }
    const moves = [0, 60_000, 120_000].map((planned) => firingStartOf(schedule, planned) - planned)
    expect(moves).toEqual([0, 60_000, 120_000].map((planned) => firingStartOf(schedule, planned) - planned))
    expect(Math.max(...moves)).toBeLessThan(30_000)
    expect(new Set(moves).size).toBeGreaterThan(1)
  })
  it('puts its planned time into every string of the input', () => {
    expect(withScheduledTime({ a: ['on {{scheduled_time}}'], b: 1, c: null }, 0)).toEqual({
      a: ['on 1970-01-01T00:00:00.000Z'],
      b: 1,
      c: null,
    })
  })
  it('has an idempotency key that no caller can send', () => {
    expect(firingKey({ id: 's1' }, 0)).toMatch(/^[^\x20-\x7e]/)
  })
})

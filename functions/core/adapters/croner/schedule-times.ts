import { Cron } from 'croner'
import { type FieldError, RequestError } from '../../domain/errors.ts'
import type { ScheduleTimes, Timing } from '../../domain/schedule.ts'

/** Parsed expressions of this environment; a sweep of a thousand schedules parses each once. */
const parsed = new Map<string, Cron>()
const MAX_PARSED = 2_000

function parse(expression: string, timezone: string): Cron {
  const key = `${timezone} ${expression}`
  const known = parsed.get(key)
  if (known) return known
  if (parsed.size >= MAX_PARSED) parsed.clear()
  const cron = new Cron(expression, { timezone, paused: true })
  parsed.set(key, cron)
  return cron
}

/**
 * Planned times by croner: 5 or 6 fields (seconds first), names, `L`, `#`, `W`. When both day of month and day of week
 * are given, either is enough (POSIX). A time that a daylight-saving change skips moves on by the hour that is missing; one
 * that comes twice fires once for a fixed hour, and at both for `*`.
 */
export const scheduleTimes: ScheduleTimes = {
  next(timing, after) {
    switch (timing.kind) {
      case 'cron':
        return parse(timing.expression, timing.timezone).nextRun(new Date(after))?.getTime()
      case 'rate': {
        const passed = Math.floor((after - timing.anchor) / timing.everyMs) + 1
        return timing.anchor + Math.max(passed, 0) * timing.everyMs
      }
      case 'once':
        return timing.at > after ? timing.at : undefined
    }
  },
  previous(timing, before) {
    switch (timing.kind) {
      case 'cron':
        return parse(timing.expression, timing.timezone).previousRuns(1, new Date(before))[0]?.getTime()
      case 'rate': {
        const passed = Math.ceil((before - timing.anchor) / timing.everyMs) - 1
        return passed < 0 ? undefined : timing.anchor + passed * timing.everyMs
      }
      case 'once':
        return timing.at < before ? timing.at : undefined
    }
  },
}

const FIELDS = 'minute hour day-of-month month day-of-week, or six with the second first'

/** @throws RequestError `invalid_request` naming the field of the expression, or the time zone. */
export function checkCron(expression: string, timezone: string): void {
  const errors: FieldError[] = []
  if (!isTimezone(timezone))
    errors.push({
      path: 'timezone',
      message: `"${timezone}" is not an IANA time zone, e.g. "Europe/Berlin".`,
    })
  const count = expression.trim().split(/\s+/).length
  if (expression.startsWith('@') || /^\d{4}-/.test(expression) || count < 5 || count > 6)
    errors.push({
      path: 'cron',
      message: `must have five fields (${FIELDS}), not ${count}: "${expression}".`,
    })
  else {
    try {
      const cron = new Cron(expression, { paused: true, timezone: 'UTC' })
      if (!cron.nextRun()) errors.push({ path: 'cron', message: `"${expression}" never comes.` })
    } catch (error) {
      const reason = (error as Error).message.replace(/^CronPattern: /, '').replace(/\.$/, '')
      errors.push({ path: 'cron', message: `"${expression}" is not valid: ${reason}. Fields: ${FIELDS}.` })
    }
  }
  if (errors.length)
    throw new RequestError(
      'invalid_request',
      errors.map(({ path, message }) => `${path} ${message}`).join('; '),
      errors,
    )
}

function isTimezone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
    return /[A-Za-z]/.test(timezone)
  } catch {
    return false
  }
}

/** A cron expression in words, e.g. "At 09:00, Monday through Friday (Europe/Berlin)". */
export async function describeTiming(timing: Timing): Promise<string> {
  if (timing.kind === 'once') return `Once, at ${new Date(timing.at).toISOString()}`
  if (timing.kind === 'rate') return `Every ${spanOf(timing.everyMs)}`
  const { default: cronstrue } = await import('cronstrue')
  const words = cronstrue
    .toString(timing.expression, { use24HourTimeFormat: true })
    .replace(/(day \d+ of the month), and on /, '$1, or on ')
  return `${words} (${timing.timezone})`
}

function spanOf(ms: number): string {
  const units = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
    [1_000, 'second'],
  ] as const
  const [size, name] = units.find(([size]) => ms % size === 0) ?? [1, 'millisecond']
  const count = ms / size
  return count === 1 ? name : `${count} ${name}s`
}

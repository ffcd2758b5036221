import { Cron } from 'croner'
import { type FieldError, RequestError } from '../../domain/errors.ts'
import type { ScheduleTimes, Timing } from '../../domain/schedule.ts'

/** Cache of parsed expressions, so that a sweep of a thousand schedules parses each once. */
const parsed = new Map<string, Cron>()
const MAX_CACHED_EXPRESSIONS = 2_000

function parse(expression: string, timezone: string): Cron {
  const key = `${timezone} ${expression}`
  const known = parsed.get(key)
  if (known) return known
  if (parsed.size >= MAX_CACHED_EXPRESSIONS) parsed.clear()
  const cron = new Cron(expression, { timezone, paused: true })
  parsed.set(key, cron)
  return cron
}

/**
 * Planned times by croner: 5 or 6 fields (seconds first), names, `L`, `#`, `W`. When both day of month and day of week
 * are given, either is enough (POSIX); with `+` before the day of week both must match. A time that a daylight-saving change
 * skips is moved to the end of the gap. A time that occurs twice fires once for a fixed hour, and twice for `*`.
 */
export const scheduleTimes: ScheduleTimes = {
  next(timing, after) {
    switch (timing.kind) {
      case 'cron': {
        const next = parse(timing.expression, timing.timezone).nextRun(new Date(after))?.getTime()
        return next === undefined ? undefined : (skippedToNextDay(timing, after, next) ?? next)
      }
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

/**
 * The library moves a skipped time to the end of the gap within the same day. When the skipped hour is the last one of a day, as
 * in Nuuk, it drops the time.
 *
 * @returns the end of the gap, when a time was dropped before `next`.
 */
function skippedToNextDay(
  { expression, timezone }: Extract<Timing, { kind: 'cron' }>,
  after: number,
  next: number,
): number | undefined {
  // Not worth two reads of the zone's offset for schedules that fire so often.
  if (next - after <= HOUR_MS) return undefined
  const before = offsetOf(timezone, after)
  const skippedMs = offsetOf(timezone, next) - before
  if (skippedMs <= 0) return undefined
  // Calculated with a clock that does not change.
  const unmoved = new Cron(expression, { utcOffset: before / 60_000, paused: true }).nextRun(new Date(after))
  const wanted = unmoved?.getTime() ?? next
  if (wanted >= next) return undefined
  let [earlier, later] = [after, next]
  while (later - earlier > 1) {
    const middle = Math.floor((earlier + later) / 2)
    if (offsetOf(timezone, middle) === before) earlier = middle
    else later = middle
  }
  const isNewDay = dayOf(later - 1, before) !== dayOf(later, before + skippedMs)
  return isNewDay && wanted >= later && wanted < later + skippedMs ? later : undefined
}

const HOUR_MS = 3_600_000
const dayOf = (at: number, offset: number): number => Math.floor((at + offset) / (24 * HOUR_MS))

const formats = new Map<string, Intl.DateTimeFormat>()

/** The zone's offset from UTC, in milliseconds. */
function offsetOf(timezone: string, at: number): number {
  const known = formats.get(timezone)
  const format = known ?? new Intl.DateTimeFormat('en', { timeZone: timezone, timeZoneName: 'longOffset' })
  formats.set(timezone, format)
  const name = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? ''
  const [, sign = '+', hours = '0', minutes = '0', seconds = '0'] =
    /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?/.exec(name) ?? []
  return (
    (sign === '-' ? -1 : 1) * (Number(hours) * HOUR_MS + Number(minutes) * 60_000 + Number(seconds) * 1_000)
  )
}

const FIELDS = 'minute hour day-of-month month day-of-week, or six with the second first'

/** @throws RequestError `invalid_request` that names the wrong field of the expression, or the time zone. */
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
      errors.push({
        path: 'cron',
        message: `"${expression}" is not valid: ${wrongField(expression, error)}.`,
      })
    }
  }
  if (errors.length)
    throw new RequestError(
      'invalid_request',
      errors.map(({ path, message }) => `${path} ${message}`).join('; '),
      errors,
    )
}

const NAMES = ['second', 'minute', 'hour', 'day of month', 'month', 'day of week'] as const

/** The library's errors do not always name a field, or number it differently, so each field is tried alone. */
function wrongField(expression: string, cause: unknown): string {
  const fields = expression.trim().split(/\s+/)
  const names = NAMES.slice(NAMES.length - fields.length)
  for (const [index, field] of fields.entries())
    try {
      new Cron(names.map((_, other) => (other === index ? field : '*')).join(' '), { paused: true })
    } catch (error) {
      return `the ${names[index]} "${field}" ${reasonOf(error)}`
    }
  return reasonOf(cause)
}

const reasonOf = (error: unknown): string => {
  const reason = (error as Error).message.replace(/^CronPattern: (?:Syntax error, )?/, '').replace(/\.$/, '')
  if (/^Invalid value/.test(reason)) return 'is out of its range'
  if (/illegal characters|is not a number|is empty|NaN/.test(reason)) return 'cannot be read'
  if (/^From value/.test(reason))
    return 'goes from a later to an earlier value; write it as two, with a comma'
  if (/numeric prefix/.test(reason))
    return 'has a step after a number; write a range before it, as in 5-59/15'
  return `is refused (${reason})`
}

function isTimezone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
    return /[A-Za-z]/.test(timezone)
  } catch {
    return false
  }
}

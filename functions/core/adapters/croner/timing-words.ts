import type { Timing } from '../../domain/schedule.ts'

/** A cron expression in words, e.g. "At 09:00, Monday through Friday (Europe/Berlin)". */
export async function describeTiming(timing: Timing): Promise<string> {
  if (timing.kind === 'once') return `Once, at ${new Date(timing.at).toISOString()}`
  if (timing.kind === 'rate') return `Every ${spanOf(timing.everyMs)}`
  const { default: cronstrue } = await import('cronstrue')
  const { toString: say } = cronstrue
  try {
    return `${wordsOf(timing.expression, (text) => say(text, { use24HourTimeFormat: true }))} (${timing.timezone})`
  } catch {
    // A description is optional: an answer that contains the schedule must not fail.
    return `By cron ${timing.expression} (${timing.timezone})`
  }
}

/** The description library reads some shapes differently: it writes `FRI#L` as `5L`, and joins two days by "and" where either is enough. */
function wordsOf(expression: string, say: (expression: string) => string): string {
  const fields = expression
    .trim()
    .split(/\s+/)
    .map((field) => (field === '?' ? '*' : field))
  const [weekday = '*', month = '*', day = '*', ...time] = fields.toReversed()
  const sayWith = (days: string, weekdays: string) =>
    say([...time.toReversed(), days, month, weekdays].join(' '))
  const isBoth = weekday.startsWith('+')
  const plainWeekday = weekday
    .replace(/^\+/, '')
    .replace(/#L/gi, 'L')
    .replace(/\b[A-Z]{3}(?=L)/gi, numberOf)
  if (day === '*' || plainWeekday === '*') return sayWith(day, plainWeekday)
  // The common beginning and end of both sentences are written once.
  const [left, right] = [sayWith(day, '*').split(', '), sayWith('*', plainWeekday).split(', ')]
  const before = common(left, right)
  const after = common(left.slice(before).reverse(), right.slice(before).reverse())
  const middle = (parts: readonly string[]) => parts.slice(before, parts.length - after).join(', ')
  return [
    ...left.slice(0, before),
    middle(left),
    `${isBoth ? 'and' : 'or'} ${middle(right).replace(/^only /, '')}`,
    ...left.slice(left.length - after),
  ].join(', ')
}

const numberOf = (name: string): string => {
  const found = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'].indexOf(name.toUpperCase())
  return found < 0 ? name : String(found)
}

const common = (left: readonly string[], right: readonly string[]): number => {
  let length = 0
  while (length < Math.min(left.length, right.length) && left[length] === right[length]) length += 1
  return length
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

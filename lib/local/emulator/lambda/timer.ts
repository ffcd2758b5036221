import { Cron } from 'croner'
import type { TimerPlan } from '../template/plan.ts'
import type { FunctionPool } from './function-pool.ts'

const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }

/** Runs an action at the times of an EventBridge Scheduler expression. */
export interface Ticker {
  readonly nextAt: () => number
  readonly stop: () => void
}

/**
 * @param scale shortens a rate.
 * @throws Error for an expression that is neither a rate nor a cron.
 */
export function startTicker(expression: string, timeZone: string, act: () => void, scale = 1): Ticker {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? []
  if (count && unit) return everyMs(Number(count) * (UNIT_MS[unit] ?? 0) * scale, act)
  const [, fields] = /^cron\((\S+ \S+ \S+ \S+ \S+ \S+)\)$/.exec(expression) ?? []
  if (fields) return byCron(fields, timeZone, act)
  throw new Error(
    `The schedule ${expression} is not known to the local runtime: it runs rate(…) and cron(…) of six fields.`,
  )
}

function everyMs(ms: number, act: () => void): Ticker {
  let nextAt = Date.now() + ms
  const timer = setInterval(() => {
    nextAt = Date.now() + ms
    act()
  }, ms)
  return { nextAt: () => nextAt, stop: () => clearInterval(timer) }
}

/** AWS's format: minute first, year last, a question mark for "any", and Sunday as 1. */
function byCron(fields: string, timezone: string, act: () => void): Ticker {
  const cron = new Cron(
    `0 ${fields.replaceAll('?', '*')}`,
    { mode: '7-part', alternativeWeekdays: true, timezone },
    act,
  )
  return { nextAt: () => cron.nextRun()?.getTime() ?? Number.POSITIVE_INFINITY, stop: () => cron.stop() }
}

/** EventBridge Scheduler: invokes a function at its times; late or failed calls are not repeated. */
export class Timer {
  readonly plan: TimerPlan
  readonly #ticker: Ticker

  constructor(plan: TimerPlan, pool: FunctionPool, warn: (text: string) => void, scale: number) {
    this.plan = plan
    const act = () => {
      pool.invoke(plan.input).catch((cause: Error) => warn(`Timer ${plan.name}: ${cause.message}`))
    }
    this.#ticker = startTicker(plan.expression, plan.timeZone, act, scale)
  }

  get nextAt(): number {
    return this.#ticker.nextAt()
  }

  stop(): void {
    this.#ticker.stop()
  }
}

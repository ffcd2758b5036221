import type { TimerPlan } from '../template/plan.ts'
import type { FunctionPool } from './function-pool.ts'

const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }

/** @throws Error for an expression that is no rate. */
export function rateMs(expression: string): number {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? []
  if (!count || !unit)
    throw new Error(
      `The schedule ${expression} is not known to the local runtime: it runs rates only, e.g. rate(1 minute).`,
    )
  return Number(count) * (UNIT_MS[unit] ?? 0)
}

/** What EventBridge Scheduler does with a rate: invokes a function at a steady pace, late or failed calls are not repeated. */
export class Timer {
  readonly plan: TimerPlan
  readonly everyMs: number
  readonly #timer: NodeJS.Timeout
  nextAt: number

  constructor(plan: TimerPlan, pool: FunctionPool, warn: (text: string) => void) {
    this.plan = plan
    this.everyMs = rateMs(plan.expression)
    this.nextAt = Date.now() + this.everyMs
    this.#timer = setInterval(() => {
      this.nextAt = Date.now() + this.everyMs
      pool.invoke(plan.input).catch((cause: Error) => warn(`Timer ${plan.name}: ${cause.message}`))
    }, this.everyMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

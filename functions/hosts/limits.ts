/** What a function needs that begins or ends tasks under its tenants' limits. */
import { ENV } from '../contract.ts'
import type { LimitNeeds } from '../core/application/limits/change-limits.ts'
import type { FollowUpSteps } from '../core/application/shared/follow-up.ts'
import { passTurn } from '../core/application/shared/take-turn.ts'
import { admitTask } from '../core/application/submit/admit-task.ts'
import type { Admission } from '../core/application/submit/submit-task.ts'
import { type Budget, maySpendYet, spentMicroUsd } from '../core/domain/budget.ts'
import { effectiveLimits, type TenantLimits } from '../core/domain/limits.ts'
import { believe } from './believe.ts'
import {
  clock,
  log,
  openLimitStore,
  openMeter,
  openQueue,
  openStore,
  openTurns,
  readConfig,
} from './lambda.ts'

export function openAdmission(): Admission & { budgetOf: (tenant: string) => Promise<Budget | undefined> } {
  const { limitStore, stageLimits } = openLimitNeeds()
  const meter = openMeter()
  const store = openStore()
  const limitsOf = believe(
    async (tenant): Promise<TenantLimits> => effectiveLimits(stageLimits, await limitStore.read(tenant)),
  )
  return {
    budgetOf: async (tenant) => (await limitsOf(tenant)).budget,
    admit: async (task, origin) =>
      admitTask({ meter, store, limits: await limitsOf(task.tenant), clock, log }, task, origin),
    giveBack: ({ tenant, id }, held) => meter.settle(tenant, { id, held, spentMicroUsd: 0 }, clock.now()),
  }
}

export const openLimitNeeds = (): LimitNeeds => ({
  limitStore: openLimitStore(),
  meter: openMeter(),
  stageLimits: readConfig([ENV.tenantLimits]).TENANT_LIMITS,
  clock,
})

/** Lets the next task of its key run; gives a task's place back, and what it did not use of the money. */
export const openRelease = (): FollowUpSteps => ({
  turn: (task) =>
    passTurn({ turns: openTurns(), store: openStore(), queue: openQueue(false), clock, log }, task),
  release: async (task) => {
    const { tenant, id, held } = task
    if (!held) return
    if (maySpendYet(task, clock.now())) return 'later'
    await openMeter().settle(tenant, { id, held, spentMicroUsd: spentMicroUsd(task) }, clock.now())
  },
})

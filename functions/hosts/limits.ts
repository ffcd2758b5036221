/** What a function needs that begins or ends tasks under its tenants' limits. */
import { ENV } from '../contract.ts'
import type { FollowUpSteps } from '../core/application/shared/follow-up.ts'
import { admitTask } from '../core/application/submit/admit-task.ts'
import type { Admission } from '../core/application/submit/submit-task.ts'
import { type Budget, maySpendYet, spentMicroUsd } from '../core/domain/budget.ts'
import { clock, log, openMeter, openStore, readConfig } from './lambda.ts'

export function openAdmission(): Admission & { budgetOf: (tenant: string) => Promise<Budget | undefined> } {
  const limits = readConfig([ENV.tenantLimits]).TENANT_LIMITS
  const meter = openMeter()
  const store = openStore()
  return {
    budgetOf: async () => limits.budget,
    admit: async (task, origin) => admitTask({ meter, store, limits, clock, log }, task, origin),
    giveBack: ({ tenant, id }, held) => meter.settle(tenant, { id, held, spentMicroUsd: 0 }, clock.now()),
  }
}

/** Gives a task's place back, and what it did not use of the money. */
export const openRelease = (): FollowUpSteps => ({
  release: async (task) => {
    const { tenant, id, held } = task
    if (!held) return
    if (maySpendYet(task, clock.now())) return 'later'
    await openMeter().settle(tenant, { id, held, spentMicroUsd: spentMicroUsd(task) }, clock.now())
  },
})

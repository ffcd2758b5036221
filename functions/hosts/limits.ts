/** Dependencies of functions that begin or end tasks under tenants' limits. */
import { ENV } from '../contract.ts'
import { DynamoLimitPlaces } from '../core/adapters/dynamodb/limit-places.ts'
import type { LimitNeeds } from '../core/application/limits/change-limits.ts'
import { openOwnedLimit as ownedLimit } from '../core/application/limits/limit-owned.ts'
import type { EnqueueDependencies } from '../core/application/shared/enqueue.ts'
import type { FollowUpSteps } from '../core/application/shared/follow-up.ts'
import {
  type RunningLimit,
  openRunningLimit as runningLimit,
} from '../core/application/shared/limit-running.ts'
import { startNextInTurn } from '../core/application/shared/take-turn.ts'
import { admitTask } from '../core/application/submit/admit-task.ts'
import type { Admission } from '../core/application/submit/submit-task.ts'
import { type Budget, mayStillSpend, spentMicroUsd } from '../core/domain/budget.ts'
import type { TaskKey } from '../core/domain/task.ts'
import {
  clock,
  log,
  openDynamo,
  openLimitStore,
  openMeter,
  openSender,
  openStore,
  openTurns,
  readConfig,
} from './lambda.ts'
import { openLimitsOf } from './requests.ts'

const openPlaces = () => new DynamoLimitPlaces(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openOwnedLimit = (
  kind: 'schedules' | 'workflows',
  isThere: (key: TaskKey) => Promise<boolean>,
) => ownedLimit({ places: openPlaces(), limitsOf: openLimitsOf(openDynamo), clock }, kind, isThere)

/** @param queue sends to the lanes that this function may send to. */
export const openRunningLimit = (queue: EnqueueDependencies['queue']): RunningLimit =>
  runningLimit({
    places: openPlaces(),
    meter: openMeter(),
    limitsOf: openLimitsOf(openDynamo),
    store: openStore(),
    queue,
    clock,
    log,
  })

export function openAdmission(): Admission & { budgetOf: (tenant: string) => Promise<Budget | undefined> } {
  const meter = openMeter()
  const store = openStore()
  const limitsOf = openLimitsOf(openDynamo)
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

/** Follow-ups that let the next task of the key run, and free the task's place and unspent money. */
export const openRelease = (): FollowUpSteps => ({
  turn: (task) =>
    startNextInTurn({ turns: openTurns(), store: openStore(), queue: openSender(), clock, log }, task),
  release: async (task) => {
    const { tenant, id, held } = task
    if (!held) return
    if (mayStillSpend(task, clock.now())) return 'later'
    await openMeter().settle(tenant, { id, held, spentMicroUsd: spentMicroUsd(task) }, clock.now())
  },
})

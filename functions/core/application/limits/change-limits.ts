import { OPERATORS } from '../../domain/api-key.ts'
import { hasBudget, type Totals, usesOf } from '../../domain/budget.ts'
import { type FieldError, RequestError } from '../../domain/errors.ts'
import { effectiveLimits, OWN_LIMITS, type OwnLimits, type TenantLimits } from '../../domain/limits.ts'
import type { Principal } from '../../domain/principal.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LimitStore } from '../../ports/limit-store.ts'
import type { TenantMeter } from '../../ports/tenant-meter.ts'

export interface LimitNeeds {
  readonly limitStore: LimitStore
  readonly meter: Pick<TenantMeter, 'totals'>
  readonly stageLimits: TenantLimits
  readonly clock: Pick<Clock, 'now'>
}

export interface ShownLimits {
  readonly tenant: string
  readonly limits: OwnLimits
  /** Names of the limits that are set for this tenant. */
  readonly own: readonly (keyof OwnLimits)[]
  readonly openTasks: number
  readonly queuedTasks: number
  readonly budget: ReturnType<typeof usesOf>
}

/** The limits that apply to a tenant, and how much of each is used. */
export async function showLimits(
  { limitStore, meter, stageLimits, clock }: LimitNeeds,
  principal: Principal,
  wanted?: string,
): Promise<ShownLimits> {
  const tenant = tenantOf(principal, wanted)
  const [own, totals] = await Promise.all([limitStore.read(tenant), meter.totals(tenant, clock.now())])
  const limits = effectiveLimits(stageLimits, own)
  const { budget, ...counts } = limits
  return {
    tenant,
    limits: { ...counts, usdPerDay: budget?.usdPerDay, usdPerMonth: budget?.usdPerMonth },
    own: OWN_LIMITS.filter((name) => own?.[name] !== undefined),
    openTasks: totals?.openTasks ?? 0,
    queuedTasks: totals?.queuedTasks ?? 0,
    budget: hasBudget(budget) ? usesOf(budget, totals ?? nothing(clock.now())) : [],
  }
}

const nothing = (now: number): Totals => {
  const day = new Date(now).toISOString().slice(0, 10)
  return { day, month: day.slice(0, 7), heldMicroUsd: 0, dayMicroUsd: 0, monthMicroUsd: 0 }
}

/**
 * Replaces a tenant's own limits; the stage's value applies to those left out.
 *
 * @throws RequestError for another tenant, and for a limit above the stage's, unless the caller is an operator.
 */
export async function setLimits(
  needs: LimitNeeds,
  principal: Principal,
  limits: OwnLimits,
  wanted?: string,
): Promise<ShownLimits> {
  const tenant = tenantOf(principal, wanted)
  const stage = effectiveLimits(needs.stageLimits, undefined)
  const most: OwnLimits = { ...stage, ...stage.budget }
  const errors: FieldError[] =
    principal.tenant === OPERATORS
      ? []
      : OWN_LIMITS.flatMap((name) => {
          const asked = limits[name]
          const bound = most[name]
          return asked === undefined || bound === undefined || asked <= bound
            ? []
            : [
                {
                  path: name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
                  message: `is at most ${bound}, as the stage says; only keys of tenant "${OPERATORS}" give more.`,
                },
              ]
        })
  if (errors.length > 0)
    throw new RequestError(
      'invalid_request',
      errors.map(({ path, message }) => `${path} ${message}`).join(' '),
      errors,
    )
  await needs.limitStore.write(tenant, limits)
  return showLimits(needs, principal, tenant)
}

function tenantOf(principal: Principal, wanted: string | undefined): string {
  if (wanted === undefined || wanted === principal.tenant || principal.tenant === OPERATORS)
    return wanted ?? principal.tenant
  throw new RequestError(
    'forbidden',
    `Only keys of tenant "${OPERATORS}" reach the limits of another tenant.`,
  )
}

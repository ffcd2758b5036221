import { CfnBudget } from 'aws-cdk-lib/aws-budgets'
import type { Construct } from 'constructs'
import type { StageSettings } from '../stages/stage-schema.ts'

/**
 * Tells when everything that has the stage's tag comes near what it may cost in a month, and when it is on its way past.
 * Billing sees a tag only once it was activated there as a cost allocation tag; up to then the budget stays at 0.
 */
export function addBudget(
  scope: Construct,
  stageName: string,
  { usdPerMonth, tell }: NonNullable<StageSettings['budget']>,
): void {
  const notice = (notificationType: string, threshold: number) => ({
    notification: {
      notificationType,
      comparisonOperator: 'GREATER_THAN',
      threshold,
      thresholdType: 'PERCENTAGE',
    },
    subscribers: tell.map((address) => ({ subscriptionType: 'EMAIL', address })),
  })
  new CfnBudget(scope, 'Budget', {
    budget: {
      budgetType: 'COST',
      timeUnit: 'MONTHLY',
      budgetLimit: { amount: usdPerMonth, unit: 'USD' },
      costFilters: { TagKeyValue: [`user:stage$${stageName}`] },
    },
    notificationsWithSubscribers: [notice('ACTUAL', 80), notice('FORECASTED', 100)],
  })
}

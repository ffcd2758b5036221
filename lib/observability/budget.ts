import { CfnBudget } from 'aws-cdk-lib/aws-budgets'
import type { Construct } from 'constructs'
import type { StageSettings } from '../stages/stage-schema.ts'

/**
 * Notifies when the cost of all resources with the stage's tag comes near the monthly budget, and when the forecast exceeds it.
 * The tag must be activated as a cost allocation tag in Billing; until then the budget shows 0.
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

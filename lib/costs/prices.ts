/**
 * List prices in USD, us-east-1, without free tiers, from the AWS pricing page of each service in 2026-11.
 * All prices are in this file.
 */
export const PRICES = {
  asOf: '2026-11',
  region: 'us-east-1',
  sources: [
    'aws.amazon.com/api-gateway/pricing',
    'aws.amazon.com/lambda/pricing',
    'aws.amazon.com/dynamodb/pricing/on-demand',
    'aws.amazon.com/sqs/pricing',
    'aws.amazon.com/eventbridge/pricing (Scheduler)',
    'aws.amazon.com/cloudwatch/pricing',
    'aws.amazon.com/ec2/pricing/on-demand (transfer)',
  ],
  /** Per REST API request. */
  restRequest: 3.5e-6,
  lambdaRequest: 0.2e-6,
  /** Per GB and second, arm64. */
  lambdaGbSecond: 1.33334e-5,
  /** Per write unit: up to 1 kB of a row or of an index entry. */
  dynamoWriteUnit: 0.625e-6,
  /** Per read unit: up to 4 kB, read consistently. */
  dynamoReadUnit: 0.125e-6,
  /** Per GB and month: a table, and its point-in-time recovery on top. */
  dynamoGbMonth: 0.25,
  recoveryGbMonth: 0.2,
  /** Per GB that leaves for the internet. */
  transferGb: 0.09,
  sqsRequest: 0.4e-6,
  /** Per request that names a message group on a standard queue. */
  sqsFairRequest: 0.1e-6,
  /** Per call of EventBridge Scheduler. */
  schedulerCall: 1e-6,
  logsGb: 0.5,
  logsGbMonth: 0.03,
  dashboard: 3,
  /** Per metric that an alarm reads. */
  alarm: 0.1,
  compositeAlarm: 0.5,
  /** Per metric and combination of dimension values that was seen all month. */
  metric: 0.3,
} as const

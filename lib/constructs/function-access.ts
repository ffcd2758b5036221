import { type BundleName, ENV, type EnvName, TABLE } from '../../functions/contract.ts'

export interface Access {
  /** Environment names the function must have. */
  readonly environment: readonly EnvName[]
  /** Environment names it has only where the stage sets them. */
  readonly optionalEnvironment?: readonly EnvName[]
  /** DynamoDB actions on the table itself. */
  readonly table?: readonly string[]
  /** DynamoDB actions on the items of one partition alone. */
  readonly partition?: {
    readonly key: string
    /** `key` is the beginning of the partition's name. */
    readonly isPrefix?: true
    readonly actions: readonly string[]
  }
  /** Records who did what, in partitions of their own. */
  readonly isRecording?: true
  /** Counts its callers' requests, in partitions of their own; for functions that may not write the table. */
  readonly isCounting?: true
  /** S3 actions on the list of the payloads. */
  readonly payloadList?: true
  /** May write this one attribute of a row, and read nothing by it. */
  readonly attribute?: string
  /** DynamoDB actions on one index each. */
  readonly indexes?: { readonly [Index in 'list' | 'state' | 'due']?: readonly string[] }
  /** S3 actions below the payload prefix. */
  readonly payloads?: readonly string[]
  /** SQS actions on the queues of the lanes that the function serves: all of them, or a worker's own. */
  readonly queues?: readonly string[]
  /** The same for those lanes' dead-letter queues. */
  readonly deadLetters?: readonly string[]
  /** SQS actions on the queue that asks for the next steps of workflows. */
  readonly workflows?: readonly string[]
  /** SQS actions on the queue that asks for webhook deliveries. */
  readonly webhooks?: readonly string[]
  /** Lambda actions on the event sources of all lanes. */
  readonly eventSources?: readonly string[]
  /** May read what the hashes of keys are made with. */
  readonly pepper?: true
  /** May send mail, on lanes whose types need it and stages that have an address. */
  readonly mail?: true
  /** May ask the function that cleans up, on lanes whose types need it. */
  readonly upkeep?: true
  /** May read the model keys and call Bedrock, on lanes and stages that have models. */
  readonly models?: true
}

/** Looking through dead letters and taking those away whose task has moved on. */
const TIDY = ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage']

/** What Lambda itself does with a queue that feeds a function, by the function's role. */
const FED = ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage']

/** Who calls, from where, what bounds that and where it is written down: of functions whose calls change something. */
const ENVIRONMENT_OF_CALLS = [
  ENV.auth,
  ENV.iamCallers,
  ENV.auditDays,
  ENV.corsOrigins,
  ENV.timingScale,
  ENV.tenantLimits,
  ENV.tenantKmsArns,
]

/**
 * What each bundle may do and what it is told: the one table behind every function's role and environment. Read it
 * as a review would; a test compares it with the synthesized template.
 */
export const FUNCTION_ACCESS: Readonly<Record<BundleName, Access>> = {
  'api-writes': {
    environment: [
      ENV.stage,
      ENV.tableName,
      ENV.payloadBucket,
      ENV.queueUrls,
      ENV.workflowQueueUrl,
      ENV.webhookQueueUrl,
      ENV.modelRoutes,
      ENV.defaultModel,
      ENV.retentionDays,
      ENV.serviceVersion,
      ENV.waitPlaces,
    ],
    optionalEnvironment: ENVIRONMENT_OF_CALLS,
    table: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
    // GetObject: a replayed submit answers with the first task, whose input may lie in the bucket.
    payloads: ['s3:GetObject', 's3:PutObject'],
    // The depth: when a task is likely to start.
    queues: ['sqs:GetQueueAttributes', 'sqs:SendMessage'],
    workflows: ['sqs:SendMessage'],
    webhooks: ['sqs:SendMessage'],
  },
  'api-reads': {
    environment: [
      ENV.stage,
      ENV.tableName,
      ENV.payloadBucket,
      ENV.queueUrls,
      ENV.modelRoutes,
      ENV.serviceVersion,
      ENV.waitPlaces,
    ],
    optionalEnvironment: [ENV.auth, ENV.iamCallers, ENV.corsOrigins, ENV.tenantLimits],
    isCounting: true,
    // Who waits holds a place; no task can be written with it.
    partition: { key: TABLE.waitPlaces, actions: ['dynamodb:UpdateItem'] },
    // Query on the table itself: the checkpoints of a task lie beside its row.
    table: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query'],
    // A lease is a due time: the due index lists what runs, without a write for it.
    indexes: { list: ['dynamodb:Query'], state: ['dynamodb:Query'], due: ['dynamodb:Query'] },
    payloads: ['s3:GetObject'],
    // The depth: when a task is likely to start.
    queues: ['sqs:GetQueueAttributes'],
  },
  'api-events': {
    environment: [ENV.stage, ENV.tableName, ENV.payloadBucket, ENV.serviceVersion, ENV.watchPlaces],
    optionalEnvironment: [ENV.auth, ENV.iamCallers, ENV.corsOrigins, ENV.tenantLimits],
    isCounting: true,
    partition: { key: TABLE.waitPlaces, actions: ['dynamodb:UpdateItem'] },
    // A mark on the row, by which its worker sees that somebody watches.
    attribute: TABLE.watchedUntil,
    // Query on the table itself: checkpoints and pieces of text lie beside the row.
    table: ['dynamodb:GetItem', 'dynamodb:Query'],
    payloads: ['s3:GetObject'],
  },
  'api-operate': {
    environment: [
      ENV.stage,
      ENV.tableName,
      ENV.payloadBucket,
      ENV.queueUrls,
      ENV.deadLetterQueueUrls,
      ENV.modelRoutes,
      ENV.eventSourceIds,
      ENV.serviceVersion,
    ],
    optionalEnvironment: ENVIRONMENT_OF_CALLS,
    // Query on the table itself: circuits and paused lanes are items of one partition each.
    table: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    indexes: { list: ['dynamodb:Query'], state: ['dynamodb:Query'], due: ['dynamodb:Query'] },
    // The deep health check writes an object and reads it back.
    payloads: ['s3:GetObject', 's3:PutObject'],
    queues: ['sqs:GetQueueAttributes', 'sqs:SendMessage'],
    deadLetters: [...TIDY, 'sqs:GetQueueAttributes'],
    eventSources: ['lambda:UpdateEventSourceMapping'],
  },
  'api-public': {
    environment: [ENV.stage, ENV.modelRoutes, ENV.defaultModel, ENV.serviceVersion],
    optionalEnvironment: [ENV.auth, ENV.iamCallers, ENV.corsOrigins],
  },
  'api-flows': {
    environment: [
      ENV.stage,
      ENV.tableName,
      ENV.payloadBucket,
      ENV.queueUrls,
      ENV.workflowQueueUrl,
      ENV.webhookQueueUrl,
      ENV.modelRoutes,
      ENV.defaultModel,
      ENV.retentionDays,
      ENV.serviceVersion,
    ],
    optionalEnvironment: ENVIRONMENT_OF_CALLS,
    // Query on the table itself: a tenant's schedules are items of one partition.
    table: [
      'dynamodb:BatchGetItem',
      'dynamodb:DeleteItem',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'dynamodb:UpdateItem',
    ],
    indexes: { list: ['dynamodb:Query'] },
    payloads: ['s3:GetObject', 's3:PutObject'],
    queues: ['sqs:SendMessage'],
    workflows: ['sqs:SendMessage'],
    webhooks: ['sqs:SendMessage'],
  },
  // Its tools are routes of the four functions above: what those may, together.
  'api-mcp': {
    environment: [
      ENV.stage,
      ENV.tableName,
      ENV.payloadBucket,
      ENV.queueUrls,
      ENV.deadLetterQueueUrls,
      ENV.workflowQueueUrl,
      ENV.webhookQueueUrl,
      ENV.modelRoutes,
      ENV.defaultModel,
      ENV.retentionDays,
      ENV.serviceVersion,
      ENV.waitPlaces,
    ],
    optionalEnvironment: ENVIRONMENT_OF_CALLS,
    // Query on the table itself: checkpoints, circuits, and the places of those who wait.
    table: [
      'dynamodb:BatchGetItem',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'dynamodb:UpdateItem',
    ],
    indexes: { list: ['dynamodb:Query'], state: ['dynamodb:Query'], due: ['dynamodb:Query'] },
    payloads: ['s3:GetObject', 's3:PutObject'],
    queues: ['sqs:GetQueueAttributes', 'sqs:SendMessage'],
    deadLetters: TIDY,
    workflows: ['sqs:SendMessage'],
    webhooks: ['sqs:SendMessage'],
  },
  'api-keys': {
    environment: [ENV.stage, ENV.tableName, ENV.parameterPrefix],
    optionalEnvironment: [ENV.auth, ENV.iamCallers, ENV.auditDays, ENV.corsOrigins, ENV.tenantLimits],
    isCounting: true,
    partition: {
      key: TABLE.keyPrefix,
      isPrefix: true,
      actions: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem'],
    },
    indexes: { list: ['dynamodb:Query'] },
    isRecording: true,
    pepper: true,
  },
  // Deletes what it is asked to, whatever of a tenant that is: hence the scan.
  'api-data': {
    environment: [ENV.stage, ENV.tableName, ENV.payloadBucket],
    optionalEnvironment: [ENV.auth, ENV.iamCallers, ENV.auditDays, ENV.corsOrigins, ENV.tenantLimits],
    table: [
      'dynamodb:DeleteItem',
      'dynamodb:GetItem',
      'dynamodb:Query',
      'dynamodb:Scan',
      'dynamodb:UpdateItem',
    ],
    payloads: ['s3:DeleteObject'],
    payloadList: true,
  },
  authorizer: {
    environment: [ENV.stage, ENV.tableName, ENV.parameterPrefix],
    optionalEnvironment: [ENV.tokenIssuers, ENV.hasUsagePlan],
    // Put: when a key was last used is in its row.
    partition: {
      key: TABLE.keyPrefix,
      isPrefix: true,
      actions: ['dynamodb:GetItem', 'dynamodb:PutItem'],
    },
    pepper: true,
  },
  'advance-workflow': {
    environment: [
      ENV.stage,
      ENV.tableName,
      ENV.payloadBucket,
      ENV.queueUrls,
      ENV.workflowQueueUrl,
      ENV.webhookQueueUrl,
      ENV.modelRoutes,
      ENV.defaultModel,
      ENV.retentionDays,
    ],
    optionalEnvironment: [ENV.timingScale, ENV.tenantLimits, ENV.tenantKmsArns],
    table: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
    payloads: ['s3:GetObject', 's3:PutObject'],
    queues: ['sqs:SendMessage'],
    workflows: [...FED, 'sqs:SendMessage'],
    webhooks: ['sqs:SendMessage'],
  },
  'run-task': {
    environment: [
      ENV.stage,
      ENV.tableName,
      ENV.payloadBucket,
      ENV.queueUrls,
      ENV.deadLetterQueueUrls,
      ENV.workflowQueueUrl,
      ENV.webhookQueueUrl,
      ENV.lane,
      ENV.slots,
      ENV.modelRoutes,
      ENV.defaultModel,
      ENV.retentionDays,
      ENV.parameterPrefix,
    ],
    optionalEnvironment: [
      ENV.modelServers,
      ENV.httpsProxy,
      ENV.httpProxy,
      ENV.noProxy,
      ENV.mailFrom,
      ENV.cleanUpFunction,
      ENV.providerLimits,
      ENV.timingScale,
      ENV.tenantLimits,
      ENV.tenantKmsArns,
    ],
    // Query on the table itself: the circuits are items of one partition.
    table: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    payloads: ['s3:GetObject', 's3:PutObject'],
    // Send: the next task of a concurrency key, in its own lane; those of other lanes are the sweeper's.
    queues: [
      'sqs:ChangeMessageVisibility',
      'sqs:DeleteMessage',
      'sqs:GetQueueAttributes',
      'sqs:ReceiveMessage',
      'sqs:SendMessage',
    ],
    deadLetters: ['sqs:SendMessage'],
    workflows: ['sqs:SendMessage'],
    webhooks: ['sqs:SendMessage'],
    models: true,
    mail: true,
    upkeep: true,
  },
  'send-webhooks': {
    environment: [ENV.stage, ENV.tableName, ENV.payloadBucket, ENV.webhookQueueUrl],
    optionalEnvironment: [ENV.timingScale],
    // Put: deliveries and a tenant's endpoints are rows that are replaced whole.
    table: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
    payloads: ['s3:GetObject'],
    webhooks: [...FED, 'sqs:SendMessage'],
  },
  sweep: {
    environment: [
      ENV.stage,
      ENV.tableName,
      ENV.payloadBucket,
      ENV.queueUrls,
      ENV.workflowQueueUrl,
      ENV.webhookQueueUrl,
      ENV.deadLetterQueueUrls,
      ENV.retentionDays,
      ENV.stageSchedules,
    ],
    optionalEnvironment: [ENV.timingScale, ENV.tenantLimits, ENV.tenantKmsArns],
    // Schedules that the stage's file no longer has; no caller's.
    partition: { key: TABLE.stageSchedules, actions: ['dynamodb:DeleteItem'] },
    // Query on the table itself: the lanes' marks of what was claimed last are items of one partition.
    // Put, and the payloads: it submits the tasks of schedules.
    table: [
      'dynamodb:BatchGetItem',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'dynamodb:UpdateItem',
    ],
    payloads: ['s3:PutObject'],
    workflows: ['sqs:SendMessage'],
    webhooks: ['sqs:SendMessage'],
    indexes: { due: ['dynamodb:Query'] },
    queues: ['sqs:GetQueueAttributes', 'sqs:SendMessage'],
    // Receive and delete: dead letters whose task has moved on are deleted.
    deadLetters: [...TIDY, 'sqs:GetQueueAttributes', 'sqs:SendMessage'],
  },
  'ops-view': {
    environment: [
      ENV.stage,
      ENV.tableName,
      ENV.queueUrls,
      ENV.deadLetterQueueUrls,
      ENV.opsActionArn,
      ENV.defaultTenant,
      ENV.showsPrompts,
    ],
    optionalEnvironment: [ENV.auth],
    table: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query'],
    indexes: { list: ['dynamodb:Query'], state: ['dynamodb:Query'], due: ['dynamodb:Query'] },
    queues: ['sqs:GetQueueAttributes'],
    deadLetters: ['sqs:GetQueueAttributes'],
  },
  'ops-action': {
    environment: [
      ENV.stage,
      ENV.tableName,
      ENV.queueUrls,
      ENV.deadLetterQueueUrls,
      ENV.eventSourceIds,
      ENV.retentionDays,
    ],
    optionalEnvironment: [ENV.auditDays, ENV.timingScale, ENV.tenantLimits],
    table: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:UpdateItem'],
    indexes: { list: ['dynamodb:Query'], state: ['dynamodb:Query'] },
    queues: ['sqs:SendMessage'],
    deadLetters: TIDY,
    eventSources: ['lambda:UpdateEventSourceMapping'],
  },
  'clean-up': {
    environment: [ENV.stage, ENV.tableName, ENV.payloadBucket],
    // Query on the table itself: the checkpoints of a task lie beside its row.
    table: ['dynamodb:DeleteItem', 'dynamodb:Query', 'dynamodb:Scan'],
    // Where its pass stopped.
    partition: { key: TABLE.expiryWalk, actions: ['dynamodb:GetItem', 'dynamodb:PutItem'] },
    payloads: ['s3:DeleteObject'],
  },
}

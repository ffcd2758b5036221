import { type BundleName, ENV, type EnvName, TABLE } from '../../functions/contract.ts'

export interface Access {
  /** Environment variables that the function must have. */
  readonly environment: readonly EnvName[]
  /** Environment variables that it has only where the stage sets them. */
  readonly optionalEnvironment?: readonly EnvName[]
  /** DynamoDB actions on the table itself. */
  readonly table?: readonly string[]
  /** DynamoDB actions on the items of one partition only. */
  readonly partition?: {
    readonly key: string
    /** `key` is a prefix of the partition key. */
    readonly isPrefix?: true
    readonly actions: readonly string[]
  }
  /** Writes audit entries, in partitions of their own. */
  readonly writesAudit?: true
  /** Counts its callers' requests, in partitions of their own; for functions without write access to the table. */
  readonly countsRequests?: true
  /** S3 actions for listing payloads. */
  readonly payloadList?: true
  /** May write only this attribute of a row, and read nothing with it. */
  readonly attribute?: string
  /** DynamoDB actions per index. */
  readonly indexes?: { readonly [Index in 'list' | 'state' | 'due']?: readonly string[] }
  /** S3 actions on objects with the payload prefix. */
  readonly payloads?: readonly string[]
  /** SQS actions on the queues of the function's lanes: all lanes, or a worker's own. */
  readonly queues?: readonly string[]
  /** The same for those lanes' dead-letter queues. */
  readonly deadLetters?: readonly string[]
  /** SQS actions on the workflow queue. */
  readonly workflows?: readonly string[]
  /** SQS actions on the webhook queue. */
  readonly webhooks?: readonly string[]
  /** Lambda actions on the event sources of all lanes. */
  readonly eventSources?: readonly string[]
  /** May read the pepper for hashes of API keys. */
  readonly pepper?: true
  /** May send mail, on lanes whose types need it and stages with a sender address. */
  readonly mail?: true
  /** May call the cleanup function, on lanes whose types need it. */
  readonly upkeep?: true
  /** May read the model keys and call Bedrock, on lanes and stages that have models. */
  readonly models?: true
}

/** For deleting dead letters whose task is no longer failed. */
const DEAD_LETTER_ACTIONS = ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage']

/** Used by Lambda itself for a queue that triggers a function. */
const CONSUMER_ACTIONS = ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage']

/** For functions whose calls change something: authentication, limits and audit log. */
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
 * Permissions and environment of each bundle: the only source of every function's role and variables. Read it
 * as a security review would; a test compares it with the synthesized template.
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
    // GetObject: a replayed submit returns the first task, whose input may be in the bucket.
    payloads: ['s3:GetObject', 's3:PutObject'],
    // GetQueueAttributes: the queue's depth, to estimate when a task will start.
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
    countsRequests: true,
    // Callers that wait hold a place; this permission cannot write a task.
    partition: { key: TABLE.waitPlaces, actions: ['dynamodb:UpdateItem'] },
    // Query on the table itself: the checkpoints of a task are in its row's partition.
    table: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query'],
    // The due index lists running tasks, because the end of a lease is a due time.
    indexes: { list: ['dynamodb:Query'], state: ['dynamodb:Query'], due: ['dynamodb:Query'] },
    payloads: ['s3:GetObject'],
    // GetQueueAttributes: the queue's depth, to estimate when a task will start.
    queues: ['sqs:GetQueueAttributes'],
  },
  'api-events': {
    environment: [ENV.stage, ENV.tableName, ENV.payloadBucket, ENV.serviceVersion, ENV.watchPlaces],
    optionalEnvironment: [ENV.auth, ENV.iamCallers, ENV.corsOrigins, ENV.tenantLimits],
    countsRequests: true,
    partition: { key: TABLE.waitPlaces, actions: ['dynamodb:UpdateItem'] },
    // An attribute that tells the task's worker that a client watches.
    attribute: TABLE.watchedUntil,
    // Query on the table itself: checkpoints and pieces of text are in the row's partition.
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
    deadLetters: [...DEAD_LETTER_ACTIONS, 'sqs:GetQueueAttributes'],
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
  // Its tools are routes of the four functions above, so it has the permissions of all four.
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
    // Query on the table itself: checkpoints, circuits, and places of waiting callers.
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
    deadLetters: DEAD_LETTER_ACTIONS,
    workflows: ['sqs:SendMessage'],
    webhooks: ['sqs:SendMessage'],
  },
  'api-keys': {
    environment: [ENV.stage, ENV.tableName, ENV.parameterPrefix],
    optionalEnvironment: [ENV.auth, ENV.iamCallers, ENV.auditDays, ENV.corsOrigins, ENV.tenantLimits],
    countsRequests: true,
    partition: {
      key: TABLE.keyPrefix,
      isPrefix: true,
      actions: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem'],
    },
    indexes: { list: ['dynamodb:Query'] },
    writesAudit: true,
    pepper: true,
  },
  // Deletes rows of any kind of a tenant, which needs a scan.
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
    // PutItem: a key's row contains when the key was last used.
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
    workflows: [...CONSUMER_ACTIONS, 'sqs:SendMessage'],
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
    // Query on the table itself: circuits are items of one partition.
    table: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    payloads: ['s3:GetObject', 's3:PutObject'],
    // SendMessage: the next task of a concurrency key in its own lane; the sweeper sends those of other lanes.
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
    // PutItem: deliveries and a tenant's endpoints are replaced as whole rows.
    table: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
    payloads: ['s3:GetObject'],
    webhooks: [...CONSUMER_ACTIONS, 'sqs:SendMessage'],
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
    // Deletes schedules that the stage's file no longer has; never a caller's.
    partition: { key: TABLE.stageSchedules, actions: ['dynamodb:DeleteItem'] },
    // Query on the table itself: a lane's watermarks are items of one partition.
    // PutItem, and the payloads: it submits the tasks of schedules.
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
    // Receive and delete: dead letters of tasks that are no longer failed are deleted.
    deadLetters: [...DEAD_LETTER_ACTIONS, 'sqs:GetQueueAttributes', 'sqs:SendMessage'],
  },
  'ops-view': {
    environment: [
      ENV.stage,
      ENV.tableName,
      ENV.queueUrls,
      ENV.deadLetterQueueUrls,
      ENV.modelRoutes,
      ENV.opsActionArn,
      ENV.defaultTenant,
      ENV.showsPrompts,
    ],
    optionalEnvironment: [ENV.auth],
    // Query on the table itself: circuits, and the checkpoints of a task.
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
    deadLetters: DEAD_LETTER_ACTIONS,
    eventSources: ['lambda:UpdateEventSourceMapping'],
  },
  'clean-up': {
    environment: [ENV.stage, ENV.tableName, ENV.payloadBucket],
    // Query on the table itself: the checkpoints of a task are in its row's partition.
    table: ['dynamodb:DeleteItem', 'dynamodb:Query', 'dynamodb:Scan'],
    // The position of the cleanup's scan.
    partition: { key: TABLE.expiryWalk, actions: ['dynamodb:GetItem', 'dynamodb:PutItem'] },
    payloads: ['s3:DeleteObject'],
  },
}

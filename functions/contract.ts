/**
 * Names shared by infrastructure and functions. Imports nothing, so that `lib/` can import it without any of the code that
 * ships to Lambda.
 */

/** A lane is a queue with its dead-letter queue and its worker function. */
export const LANES = ['ai', 'documents', 'demo', 'email', 'urgent'] as const
export type Lane = (typeof LANES)[number]

/** Tasks of this priority and above run in the `urgent` lane, whatever their type's lane. */
export const URGENT_PRIORITY = 8

/** Names of environment variables. `lib/constructs/task-function.ts` sets them, `functions/hosts/config.ts` reads them. */
export const ENV = {
  stage: 'STAGE',
  tableName: 'TABLE_NAME',
  payloadBucket: 'PAYLOAD_BUCKET',
  /** JSON object: lane → queue URL. */
  queueUrls: 'QUEUE_URLS',
  /** JSON object: lane → URL of the lane's dead-letter queue. */
  deadLetterQueueUrls: 'DEAD_LETTER_QUEUE_URLS',
  /** URL of the queue whose messages name workflows with possible next steps. */
  workflowQueueUrl: 'WORKFLOW_QUEUE_URL',
  /** URL of the queue whose messages name webhook deliveries to send. */
  webhookQueueUrl: 'WEBHOOK_QUEUE_URL',
  /** JSON object: lane → id of its worker's event source mapping. */
  eventSourceIds: 'EVENT_SOURCE_IDS',
  lane: 'LANE',
  /** Tasks that one invocation of a worker runs concurrently. */
  slots: 'SLOTS',
  /** Number of callers that may wait for a task at the same time. */
  waitPlaces: 'WAIT_PLACES',
  /** Number of callers that may watch a task's events at the same time. */
  watchPlaces: 'WATCH_PLACES',
  /** JSON object: model name or prefix ending in `*` → provider or model server. The first match in the given order applies. */
  modelRoutes: 'MODEL_ROUTES',
  defaultModel: 'DEFAULT_MODEL',
  /** Days a finished row is kept. */
  retentionDays: 'RETENTION_DAYS',
  /** Start of the SSM parameter names of the model keys, e.g. `/taskrunner/dev/`. */
  parameterPrefix: 'PARAMETER_PREFIX',
  /** JSON object: name of a provider or model server → its address and protocol. */
  modelServers: 'MODEL_SERVERS',
  /** The proxy for model calls, and the hosts that are called without it. */
  httpsProxy: 'HTTPS_PROXY',
  httpProxy: 'HTTP_PROXY',
  noProxy: 'NO_PROXY',
  /** Sender address of mail; a stage without one sends none. */
  mailFrom: 'MAIL_FROM',
  /** The cleanup function; only on workers whose lane has a type that needs it. */
  cleanUpFunction: 'CLEAN_UP_FUNCTION',
  /** JSON object: requests and tokens per minute by `provider:model`, and whether other limits are learned. */
  providerLimits: 'PROVIDER_LIMITS',
  /** JSON object: the limits of each tenant. */
  tenantLimits: 'TENANT_LIMITS',
  /** JSON object: tenant → ARN of the KMS key that encrypts its inputs and results. */
  tenantKmsArns: 'TENANT_KMS_ARNS',
  /** JSON list: origins of the web pages that may call the API. */
  corsOrigins: 'CORS_ORIGINS',
  /** The version in the answer of `GET /health`. */
  serviceVersion: 'SERVICE_VERSION',
  /** ARN of the function behind the buttons of the dashboard's task table. */
  opsActionArn: 'OPS_ACTION_ARN',
  /** The tenant that the dashboard's task table shows at first. */
  defaultTenant: 'DEFAULT_TENANT',
  /** `true`: everybody who can see the dashboard sees inputs. */
  showsPrompts: 'SHOWS_PROMPTS',
  /** `keys`: every request must pass the authorizer. `iam`: every request must be signed. */
  auth: 'AUTH',
  /** JSON list: roles and users that may sign, each with its tenant. */
  iamCallers: 'IAM_CALLERS',
  /** `true`: `x-api-key` holds a key of the gateway, and the product's key is sent as a bearer token. */
  hasUsagePlan: 'HAS_USAGE_PLAN',
  /** Days for which audit entries are kept. */
  auditDays: 'AUDIT_DAYS',
  /** JSON list: issuers whose tokens are accepted in addition to keys. */
  tokenIssuers: 'TOKEN_ISSUERS',
  /** JSON list: the schedules in the stage's file. */
  stageSchedules: 'STAGE_SCHEDULES',
  /** Set where leases and other durations are shorter than their full length. */
  timingScale: 'TIMING_SCALE',
} as const
export type EnvName = (typeof ENV)[keyof typeof ENV]

/** Keys and indexes of the one table. The sort key is constant for task rows; other items use other values. */
export const TABLE = {
  partitionKey: 'pk',
  sortKey: 'sk',
  /** The attribute by which DynamoDB deletes rows. They count as deleted earlier, from their `ttl` on. */
  ttl: 'reapAt',
  /** Newest first by tenant. Projects only fields that never change, so that a task is written to it once. */
  listIndex: {
    name: 'list',
    partitionKey: 'listShard',
    sortKey: 'createdKey',
    include: ['type', 'lane', 'tags'],
  },
  /** The same per status, sparse: a completed task is not in it. See functions/DECISIONS.md. */
  stateIndex: {
    name: 'state',
    partitionKey: 'stateShard',
    sortKey: 'createdKey',
    include: ['type', 'lane', 'tags'],
  },
  /** Partitions of a tenant in these two indexes; each accepts 1,000 writes per second, and each page of a list reads all. */
  listShards: 4,
  /** Sparse: contains a row only while an action is due later. */
  dueIndex: {
    name: 'due',
    partitionKey: 'dueShard',
    sortKey: 'dueAt',
    include: ['status', 'epoch', 'lane', 'tenant', 'queuedAt', 'sends', 'startBy'],
  },
  /** Partition prefix of API keys. */
  keyPrefix: 'K#',
  /** Partition of the item with the cleanup's position. */
  expiryWalk: 'CLEANUP',
  /** Partition of the schedules of the operators' tenant, including those in the stage's file. */
  stageSchedules: 'H#default',
  /** Partition prefix of a tenant's limits and counters. */
  limitsPrefix: 'Q#',
  /** Partition prefix of the counter of a tenant's requests. */
  requestsPrefix: 'R#',
  /** Partition prefix of a tenant's audit log. */
  auditPrefix: 'A#',
  /** Partition of the places of callers that wait for a task. */
  waitPlaces: 'WAITS',
  /** Partition of running workers' reports about their slots. */
  workerSlots: 'SLOTS',
  /** Partition of the durations of each lane's recent tasks. */
  recentRuns: 'RUNS',
  /** Attribute of a task's row that tells its worker until when a client watches. */
  watchedUntil: 'watchedUntil',
  /** Partitions of the due index per due kind; each accepts 1,000 writes per second. */
  dueShards: 16,
} as const

/** One Lambda bundle per entry. All workers share one bundle; each lane has its own function. */
export const BUNDLES = {
  'api-writes': 'functions/api/groups/api-writes.gen.ts',
  'api-reads': 'functions/api/groups/api-reads.gen.ts',
  'api-events': 'functions/api/groups/api-events.gen.ts',
  'api-operate': 'functions/api/groups/api-operate.gen.ts',
  'api-public': 'functions/api/groups/api-public.gen.ts',
  'api-flows': 'functions/api/groups/api-flows.gen.ts',
  'api-mcp': 'functions/api/groups/api-mcp.gen.ts',
  'api-keys': 'functions/api/groups/api-keys.gen.ts',
  'api-data': 'functions/api/groups/api-data.gen.ts',
  authorizer: 'functions/api/authorizer.ts',
  'run-task': 'functions/workers/run-task.ts',
  'advance-workflow': 'functions/workers/advance-workflow.ts',
  'send-webhooks': 'functions/workers/send-webhooks.ts',
  sweep: 'functions/workers/sweep.ts',
  'clean-up': 'functions/workers/clean-up.ts',
  'ops-view': 'functions/ops/view.ts',
  'ops-action': 'functions/ops/action.ts',
} as const
export type BundleName = keyof typeof BUNDLES

/** The functions' names as created by stacks and constructs, on a stage with an authorizer; also used for log groups and by the CLI. */
export const FUNCTION_NAMES: readonly string[] = [
  ...[
    'Writes',
    'Reads',
    'Events',
    'Flows',
    'Mcp',
    'Keys',
    'Data',
    'Authorizer',
    'AdvancerAdvance',
    'WebhookSend',
    'Operate',
    'Public',
    'SweeperSweep',
    'CleanerCleanUp',
    'OpsView',
    'OpsAction',
  ],
  ...LANES.map((lane) => `lane${lane}Worker`),
]

/** Name, after the stage's prefix, of the parameter with the pepper for hashes of API keys. */
export const KEY_PEPPER = 'key-pepper'

/** The tenant of all callers on a stage without keys; on a stage with keys, the operators' tenant. */
export const OPEN_TENANT = 'default'

export const API_BASE = '/api/v1'

/** Bundles that answer HTTP. Their entries are generated from the routes' declarations. */
export type ApiFunction = Extract<BundleName, `api-${string}`>
export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What a key may be allowed to do. `open` routes need no key, also on a deployed stage. */
export const SCOPES = ['tasks:read', 'tasks:write', 'ops:read', 'ops:write', 'keys:admin'] as const
export type Scope = (typeof SCOPES)[number] | 'open'

/** One row of `functions/api/routes.gen.json`, which `lib/constructs/task-api.ts` builds the API from. */
export interface Route {
  /** Name of the operation in the OpenAPI document and in the client. */
  readonly name: string
  readonly method: HttpMethod
  /** Below `API_BASE`, path parameters in braces. */
  readonly path: string
  readonly function: ApiFunction
  /** Its integration has transfer mode STREAM. */
  readonly isStreamed?: boolean
  readonly scope: Scope
}

export const LIMITS = {
  /** A larger request body gets 413, as does one whose event, JSON escapes included, exceeds Lambda's 6 MB. */
  bodyBytes: 6_000_000,
  /** Most header fields of a request; a browser behind a proxy sends about thirty. */
  headerFields: 100,
  /** Most bytes of header names and values. API Gateway accepts 10,240 from a caller, and adds its own. */
  headerBytes: 12 * 1024,
  /** A task with a larger result fails. */
  resultBytes: 16_000_000,
  /**
   * Inputs and results up to this size stay in the row; larger ones are stored in the bucket. Every write of a row is billed
   * by the whole row's size at $0.625/M per kB, so 8 kB in the row cost as much as one $5/M bucket put.
   */
  inlineBytes: 8 * 1024,
  maxTags: 20,
  /** SQS's longest `DelaySeconds`, also used as the longest wait by visibility timeout. */
  queueDelaySeconds: 900,
  /** How far in the future a task may be scheduled; its payload is kept in the bucket until then. */
  maxDelayDays: 30,
  pageSize: 100,
  /** How long a call may wait for a task, in seconds; API Gateway's limit is 29. */
  waitSeconds: 25,
  /**
   * Length of one answer with events; clients then reconnect. API Gateway ends a stream only after 15 min and does not tell the
   * function that its client has disconnected: until the answer ends, it is paid for and takes a place.
   */
  watchSeconds: 60,
} as const

/** Prefix of inputs and results in the payload bucket; its lifecycle rule expires them after the row. */
export const PAYLOAD_PREFIX = 'payload/'

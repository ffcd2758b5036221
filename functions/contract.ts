/**
 * Names that infrastructure and runtime share. Imports nothing, so that `lib/` may read it
 * without pulling in a line of what ships to Lambda.
 */

/** A lane is a queue with its dead-letter queue and its worker function. */
export const LANES = ['ai', 'documents', 'demo', 'email', 'urgent'] as const
export type Lane = (typeof LANES)[number]

/** Tasks of this priority and above run in the `urgent` lane, whatever their type's lane. */
export const URGENT_PRIORITY = 8

/** Environment names. `lib/constructs/task-function.ts` sets them, `functions/hosts/config.ts` reads them. */
export const ENV = {
  stage: 'STAGE',
  tableName: 'TABLE_NAME',
  payloadBucket: 'PAYLOAD_BUCKET',
  /** JSON object: lane → queue URL. */
  queueUrls: 'QUEUE_URLS',
  /** JSON object: lane → URL of the lane's dead-letter queue. */
  deadLetterQueueUrls: 'DEAD_LETTER_QUEUE_URLS',
  /** URL of the queue whose messages ask for the next steps of a workflow. */
  workflowQueueUrl: 'WORKFLOW_QUEUE_URL',
  /** URL of the queue whose messages ask for a webhook delivery to be sent. */
  webhookQueueUrl: 'WEBHOOK_QUEUE_URL',
  /** JSON object: lane → id of the event source mapping that feeds its worker. */
  eventSourceIds: 'EVENT_SOURCE_IDS',
  /** The one lane a worker function serves. */
  lane: 'LANE',
  /** Tasks that one invocation of a worker runs side by side. */
  slots: 'SLOTS',
  /** Callers that may wait for a task at once. */
  waitPlaces: 'WAIT_PLACES',
  /** Callers that may watch a task's events at once. */
  watchPlaces: 'WATCH_PLACES',
  /** JSON object: model name or prefix ending in `*` → provider or further server. The first match in order of writing wins. */
  modelRoutes: 'MODEL_ROUTES',
  defaultModel: 'DEFAULT_MODEL',
  /** Days a finished row is kept. */
  retentionDays: 'RETENTION_DAYS',
  /** Start of the SSM parameter names of the model keys, e.g. `/taskrunner/dev/`. */
  parameterPrefix: 'PARAMETER_PREFIX',
  /** JSON object: name of a provider or further server → where it is and how it speaks. */
  modelServers: 'MODEL_SERVERS',
  /** The proxy that model calls go by, and the hosts that they reach without it. */
  httpsProxy: 'HTTPS_PROXY',
  httpProxy: 'HTTP_PROXY',
  noProxy: 'NO_PROXY',
  /** The address that mail is sent from; a stage without one sends none. */
  mailFrom: 'MAIL_FROM',
  /** The function that deletes what its retention is over for; on workers whose lane has a type that asks for it. */
  cleanUpFunction: 'CLEAN_UP_FUNCTION',
  /** JSON object: requests and tokens a minute by `provider:model`, and whether others are learned. */
  providerLimits: 'PROVIDER_LIMITS',
  /** JSON object: what each tenant may do at most. */
  tenantLimits: 'TENANT_LIMITS',
  /** JSON object: tenant → ARN of the KMS key that its inputs and results are encrypted with. */
  tenantKmsArns: 'TENANT_KMS_ARNS',
  /** JSON list: origins of the pages that may call the API from a browser. */
  corsOrigins: 'CORS_ORIGINS',
  /** The version `GET /health` answers with. */
  serviceVersion: 'SERVICE_VERSION',
  /** ARN of the function behind the buttons of the dashboard's task table. */
  opsActionArn: 'OPS_ACTION_ARN',
  /** Whose tasks the dashboard's task table shows before anybody chooses. */
  defaultTenant: 'DEFAULT_TENANT',
  /** `true`: inputs are shown to whoever may see the dashboard. */
  showsPrompts: 'SHOWS_PROMPTS',
  /** `keys`: every request comes by the authorizer, and one that does not is refused. `iam`: by a signature. */
  auth: 'AUTH',
  /** JSON list: who may sign, and for which tenant. */
  iamCallers: 'IAM_CALLERS',
  /** `true`: `x-api-key` holds a key of the gateway's, and ours comes as a bearer token. */
  hasUsagePlan: 'HAS_USAGE_PLAN',
  /** Days for which it is kept who did what. */
  auditDays: 'AUDIT_DAYS',
  /** JSON list: issuers whose tokens are taken beside keys. */
  tokenIssuers: 'TOKEN_ISSUERS',
  /** JSON list: the schedules of the stage's file. */
  stageSchedules: 'STAGE_SCHEDULES',
  /** Set where leases and other waits are shorter than their full length. */
  timingScale: 'TIMING_SCALE',
} as const
export type EnvName = (typeof ENV)[keyof typeof ENV]

/** Keys and indexes of the one table. Sort key is constant for task rows; other items use other values. */
export const TABLE = {
  partitionKey: 'pk',
  sortKey: 'sk',
  /** What DynamoDB deletes by. Rows are invisible earlier, from their `ttl` on. */
  ttl: 'reapAt',
  /** Newest first by tenant. Projects only what never changes, so that a task is written into it once. */
  listIndex: {
    name: 'list',
    partitionKey: 'listShard',
    sortKey: 'createdKey',
    include: ['type', 'lane', 'tags'],
  },
  /** The same, of one state each, sparse: a completed task is not in it. See functions/DECISIONS.md. */
  stateIndex: {
    name: 'state',
    partitionKey: 'stateShard',
    sortKey: 'createdKey',
    include: ['type', 'lane', 'tags'],
  },
  /** Partitions of a tenant in these two; each takes 1,000 writes a second, and each page of a list reads all. */
  listShards: 4,
  /** Sparse: a row is in it only while something must happen later. */
  dueIndex: {
    name: 'due',
    partitionKey: 'dueShard',
    sortKey: 'dueAt',
    include: ['status', 'epoch', 'lane', 'tenant', 'queuedAt', 'sends', 'startBy'],
  },
  /** Begins the partition of each API key. */
  keyPrefix: 'K#',
  /** The partition of the item that says where the cleanup stopped. */
  expiryWalk: 'CLEANUP',
  /** The partition of the schedules of those who run the stage, and of the stage itself. */
  stageSchedules: 'H#default',
  /** Begins the partition of a tenant's limits and what is counted under them. */
  limitsPrefix: 'Q#',
  /** Begins the partition that counts a tenant's requests. */
  requestsPrefix: 'R#',
  /** Begins the partition of what was done by a tenant's keys. */
  auditPrefix: 'A#',
  /** The partition of those who wait for a task. */
  waitPlaces: 'WAITS',
  /** The partition of what running workers say about their slots. */
  workerSlots: 'SLOTS',
  /** The partition of what each lane's tasks took lately. */
  recentRuns: 'RUNS',
  /** Attribute of a row by which its worker sees that somebody watches. */
  watchedUntil: 'watchedUntil',
  /** Partitions of the due index per kind of wait; each takes 1,000 writes a second. */
  dueShards: 16,
} as const

/** One Lambda bundle per entry. Workers share one bundle; each lane has its own function of it. */
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

/** As stack and constructs make the functions' names, of a stage with an authorizer; log files, log groups and the command line have the same. */
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

/** The parameter, below a stage's prefix, that the hashes of its keys are made with. */
export const KEY_PEPPER = 'key-pepper'

/** Everybody's tenant on an open stage; on one that wants keys of ours, that of those who run it. */
export const OPEN_TENANT = 'default'

export const API_BASE = '/api/v1'

/** Bundles that answer HTTP. Their entries are generated from the routes that name them. */
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
  /** Its integration is in transfer mode STREAM. */
  readonly isStreamed?: boolean
  readonly scope: Scope
}

export const LIMITS = {
  /** Request bodies above this are 413; so are those whose event, JSON escapes included, is above Lambda's 6 MB. */
  bodyBytes: 6_000_000,
  /** Header fields of a request; a browser behind a proxy sends some thirty. */
  headerFields: 100,
  /** Their names and values. API Gateway itself takes 10,240 of what a caller sends, and adds some of its own. */
  headerBytes: 12 * 1024,
  /** A task whose result is larger fails. */
  resultBytes: 16_000_000,
  /**
   * Inputs and results up to this stay in the row; larger ones go to the bucket. Every write of a row is billed
   * by the whole row's size at $0.625/M per kB, so 8 kB in the row cost as much as one $5/M bucket put.
   */
  inlineBytes: 8 * 1024,
  maxTags: 20,
  /** SQS `DelaySeconds` and our longest wait by visibility. */
  queueDelaySeconds: 900,
  /** How far ahead a task may be put; its payload waits in the bucket for as long. */
  maxDelayDays: 30,
  pageSize: 100,
  /** How long a call may wait for a task, in seconds; API Gateway gives up after 29. */
  waitSeconds: 25,
  /**
   * How long one answer with events lasts; its reader then comes back by itself. API Gateway ends a stream after 15 min, and
   * tells no function that its reader has left: so long it goes on, is paid for, and takes the place of another.
   */
  watchSeconds: 60,
} as const

/**
 * How long one try of a call to AWS may take; the SDK tries three times. A service that hangs must not use up the 29 s
 * that a request has, or the lease that an attempt has. DynamoDB and SQS answer within some 10 ms; an upload of 16 MB
 * takes longer.
 */
export const CALL_LIMITS = {
  connectionTimeout: 1_000,
  requestTimeout: 4_000,
  throwOnRequestTimeout: true,
} as const
export const PAYLOAD_CALL_LIMITS = { ...CALL_LIMITS, requestTimeout: 15_000 } as const

/** Path the payload bucket keeps inputs and results under; its lifecycle rule expires them after the row. */
export const PAYLOAD_PREFIX = 'payload/'

import * as z from 'zod'
import { KEYED_PROVIDERS, PROVIDERS } from '../../functions/contract/providers.ts'
import { LANES, type Lane, LIMITS, SCOPES } from '../../functions/contract.ts'
import { schedulesSchema } from './stage-schedules.ts'

/** Stages with a file in this folder. */
export const STAGE_NAMES = ['local', 'emulated', 'dev', 'staging', 'prod'] as const

/** Stages that `cdk deploy` includes. `local` has no keys; `emulated` is for an emulator, and must be named explicitly. */
export const DEPLOYABLE = [
  'dev',
  'staging',
  'prod',
] as const satisfies readonly (typeof STAGE_NAMES)[number][]

/** A copy of stage `dev` for one branch or pull request, with its own name. */
export type PreviewName = `preview-${string}`
export type StageName = (typeof STAGE_NAMES)[number] | PreviewName

/** docs.aws.amazon.com/amazondynamodb, "Pre-warming a table for on-demand capacity mode". */
export const NEW_TABLE_WRITE_UNITS = 4_000

/** The name is part of every physical name; a queue's may have 80 characters, and people type it. */
const PREVIEW_NAME = /^preview-[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,23}$/
export const PREVIEW_RULE =
  'lower-case letters, digits and single hyphens, a letter first, at most 24 characters, e.g. "pr-123"'

export const isPreviewName = (name: string): name is PreviewName => PREVIEW_NAME.test(name)

/** Variables of the shell and `.env`, read by stage `local`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Retention periods that CloudWatch Logs accepts, in days; others would be refused at deployment. */
const LOG_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731] as const

const whole = z.number().int()

const severity = z.enum(['urgent', 'notice'])

const kmsKeyArn = z
  .string()
  .regex(/^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/, 'must be the ARN of a KMS key')

const laneSchema = z
  .strictObject({
    batchSize: whole.min(1).max(10_000),
    batchingWindowSeconds: whole.min(0).max(300),
    /** Concurrent invocations. Times `batchSize` this is the lane's slots: its concurrent tasks and model calls. */
    maxConcurrency: whole.min(2).max(1_000),
    memoryMb: whole.min(128).max(10_240),
    /** Lambda's timeout of one invocation; a task's own limit is shorter. */
    timeoutSeconds: whole.min(1).max(900),
    /** Not the number of attempts, which is in the row: it ends messages whose workers always crash before handling them. */
    maxReceiveCount: whole.min(1).max(1_000),
    visibilitySeconds: whole.min(0).max(43_200),
    /** Tasks of this lane call models, so its worker may read the model keys. */
    hasModels: z.boolean(),
  })
  .refine((lane) => lane.batchSize <= 10 || lane.batchingWindowSeconds >= 1, {
    path: ['batchSize'],
    error: 'above 10 needs batchingWindowSeconds of at least 1',
  })
  .refine((lane) => lane.visibilitySeconds >= lane.timeoutSeconds, {
    path: ['visibilitySeconds'],
    error: 'must not be below timeoutSeconds: Lambda refuses such an event source',
  })
export type LaneSettings = z.output<typeof laneSchema>

const TENANT = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be the name of a tenant')

/** Plain http only on loopback, for stage `local`: elsewhere anybody could change the answers. */
const issuerAddress = z
  .url()
  .refine((url) => /^https:\/\/|^http:\/\/(localhost|127\.0\.0\.1)[:/]/.test(`${url}/`), {
    error: 'must be an address that begins with https://',
  })

const isPlain = (...urls: readonly (string | undefined)[]): boolean =>
  urls.some((url) => url?.startsWith('http:'))

const issuerSchema = z
  .strictObject({
    /** Written before the subject of its tokens in audit entries. */
    name: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be lower case letters, digits and "-"'),
    /** Exactly as in the tokens' `iss`. */
    issuer: issuerAddress,
    audiences: z.array(z.string().min(1)).min(1),
    /** Access tokens of Amazon Cognito have `client_id` instead of `aud`. */
    audienceClaim: z.string().min(1).default('aud'),
    /** Only signatures with public keys: with a shared secret, everybody who can verify can also sign. */
    algorithms: z
      .array(
        z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']),
      )
      .min(1)
      .default(['RS256', 'ES256']),
    /** When left out, it is read from the issuer's discovery document. */
    jwksUrl: issuerAddress.optional(),
    /** Tenant of all its tokens, or the claim with each token's tenant. No claim makes a caller an operator. */
    tenant: TENANT.optional(),
    tenantClaim: z.string().min(1).optional(),
    scopesClaim: z.string().min(1).default('scope'),
    scopePrefix: z.string().default(''),
    /** Further scopes in its tokens are ignored. */
    maxScopes: z.array(z.enum(SCOPES)).default(['tasks:read', 'tasks:write']),
  })
  .refine(({ tenant, tenantClaim }) => (tenant === undefined) !== (tenantClaim === undefined), {
    path: ['tenant'],
    error: 'give one of tenant and tenantClaim',
  })

const iamCallerSchema = z.strictObject({
  arn: z
    .string()
    .regex(
      /^arn:[\w-]+:iam::\d{12}:(role|user)\/[\w+=,.@/-]+$/,
      'must be the ARN of a role or a user, e.g. arn:aws:iam::123456789012:role/batch',
    ),
  tenant: TENANT,
  scopes: z.array(z.enum(SCOPES)).min(1),
})

/** How callers reach the API, if not by the gateway's own address with a key. */
const endpointShape = {
  /** A custom domain, with its certificate in the stage's Region. */
  domain: z
    .strictObject({
      name: z.string().regex(/^([a-z0-9-]+\.)+[a-z]{2,}$/, 'must be a host name'),
      certificateArn: z.string().startsWith('arn:'),
      /** e.g. `ai/runner`; when left out, the API uses the whole domain. */
      basePath: z
        .string()
        .regex(/^[\w$.+!*'()-]+(\/[\w$.+!*'()-]+)*$/, 'must be one or more names with slashes between them')
        .optional(),
      /** Turn off the gateway's own address. */
      isOnly: z.boolean().default(false),
    })
    .optional(),
  /** An existing web ACL for the stage. */
  webAclArn: z.string().startsWith('arn:').optional(),
  /** Instead, a web ACL with AWS's managed rules and a limit of requests per address in five minutes. */
  managedRules: z.strictObject({ requestsPerAddress: whole.min(10).max(2_000_000_000) }).optional(),
  /** Reachable only through these VPC endpoints of `execute-api`, not from the internet. */
  vpcEndpointIds: z.array(z.string().regex(/^vpce-[0-9a-f]+$/, 'must be a VPC endpoint id')).default([]),
  /**
   * `keys`: the product's keys, `tk_…`, with tenant, scopes, expiry and rotation. `iam`: callers sign with AWS credentials, and
   * `iamCallers` names their tenants. `key`: API Gateway's own keys only, each one a tenant with every scope.
   * A method has one type of authorization, so a stage has one of these.
   */
  auth: z.enum(['keys', 'iam', 'key']).default('keys'),
  /** With `keys` or `iam`: additionally requires a key of API Gateway (`x-api-key`), with limits in its usage plan. */
  usagePlan: z
    .strictObject({ requestsPerDay: whole.min(1).optional(), requestsPerMonth: whole.min(1).optional() })
    .refine((plan) => !(plan.requestsPerDay && plan.requestsPerMonth), {
      path: ['requestsPerMonth'],
      error: 'and requestsPerDay exclude each other: a usage plan has one quota',
    })
    .optional(),
  /** With `iam`: roles and users with their tenants and scopes. All others are refused. */
  iamCallers: z.array(iamCallerSchema).default([]),
  /** With `keys`: OpenID Connect issuers whose tokens are accepted too. */
  issuers: z
    .array(issuerSchema)
    .refine(
      (list) => new Set(list.map(({ issuer }) => issuer)).size === list.length,
      'names one issuer twice',
    )
    .default([]),
}

const lanesShape = Object.fromEntries(LANES.map((lane) => [lane, laneSchema])) as Record<
  Lane,
  typeof laneSchema
>

const address = z
  .url({
    protocol: /^https?$/,
    error: 'must be an address that begins with http:// or https://',
  })
  .superRefine((text, context) => {
    const foreign = /[^\x21-\x7e]/.exec(text.trim())
    if (foreign)
      context.addIssue({
        code: 'custom',
        message: `has a character that no address has, an invisible one perhaps, at place ${foreign.index + 1}; type it anew`,
      })
  })

/** A server with a provider's protocol. Its key is the parameter `<name>-api-key`. */
const serverSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be lower case letters, digits and "-"')
      .refine((name) => !(PROVIDERS as readonly string[]).includes(name), 'is the name of a provider'),
    speaks: z.enum(KEYED_PROVIDERS as [(typeof KEYED_PROVIDERS)[number]]).default('openai'),
    baseUrl: address,
    /** Model names, or prefixes ending in `*`, that are sent to it. */
    models: z.array(z.string().min(1)).min(1),
    isKeyless: z.boolean().default(false),
    /** Models among these whose calls run in the background; the server must support OpenAI's Responses API. */
    background: z.array(z.string().min(1)).default([]),
    /** The known part of its dialect; the rest is learned. */
    dialect: z
      .strictObject({
        streams: z.boolean(),
        hasStreamOptions: z.boolean(),
        maxTokensName: z.enum(['max_tokens', 'max_completion_tokens']),
        hasTemperature: z.boolean(),
        hasSystem: z.boolean(),
        hasJsonSchema: z.boolean(),
        hasTiers: z.boolean(),
      })
      .partial()
      .optional(),
  })
  .refine(({ speaks, background }) => speaks === 'openai' || background.length === 0, {
    path: ['background'],
    error: 'is for servers that speak "openai"',
  })

/**
 * All settings in which one environment may differ from another. Strict: an unknown key is a mistake, and a mistake
 * in a stage's file must fail at synth, not at night.
 */
export const stageSchema = z
  .strictObject({
    /** The only account, and Region, for this stage. When left out, those of the credentials. */
    account: z
      .string()
      .regex(/^\d{12}$/, 'must be the 12 digits of an account')
      .optional(),
    region: z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be a Region, e.g. eu-central-1')
      .optional(),
    /** Added to every resource, e.g. a cost centre. A resource has at most 50, of which two are the stage's own. */
    tags: z
      .record(
        z
          .string()
          .regex(
            /^(?!aws:)[\p{L}\p{N}\p{Zs}_.:/=+\-@]{1,128}$/u,
            'must be a name that AWS takes: no "aws:", no %, #, &',
          ),
        z
          .string()
          .regex(/^[\p{L}\p{N}\p{Zs}_.:/=+\-@]{0,256}$/u, 'must be letters, digits, spaces and _.:/=+-@'),
      )
      .refine((tags) => Object.keys(tags).length <= 48, 'are more than 48')
      .default({}),
    /** Name of the managed policy that limits every role. */
    permissionsBoundary: z.string().min(1).optional(),
    /** Set if `cdk bootstrap --qualifier` was used. */
    bootstrapQualifier: z
      .string()
      .regex(/^[a-z0-9]{1,10}$/, 'must be 1 to 10 lower-case letters and digits')
      .optional(),
    /** Monthly cost of all resources with this stage's tag above which these addresses are notified. */
    budget: z
      .strictObject({ usdPerMonth: z.number().positive(), tell: z.array(z.email()).min(1).max(10) })
      .optional(),
    name: z.union([z.enum(STAGE_NAMES), z.custom<PreviewName>((name) => isPreviewName(String(name)))]),
    /** No API key is required. Only on loopback. */
    isOpen: z.boolean(),
    lanes: z.strictObject(lanesShape),
    models: z.strictObject({
      /** Providers that this stage may call. */
      providers: z.array(z.enum(PROVIDERS)).min(1),
      /** Model name, or prefix ending in `*` → provider; the first match in the given order applies. */
      routes: z.record(z.string().min(1), z.string().min(1)),
      defaultModel: z.string().min(1),
      /**
       * Ids of Bedrock models or inference profiles, or model ids after `{region}.`, which is replaced by the profile of the
       * deployment's Region. Each is routed to Bedrock and named in the workers' permissions.
       */
      bedrockModels: z.array(z.string().min(1)),
      /** The stage whose keys in SSM this one uses. When left out, it has its own. */
      keysOfStage: z.enum(STAGE_NAMES).optional(),
      /** A customer's KMS key that encrypts the model keys in SSM; without it the account's default key does. */
      keysKmsArn: kmsKeyArn.optional(),
      /** Other addresses of providers. */
      baseUrls: z.partialRecord(z.enum(PROVIDERS), address).default({}),
      /**
       * Models of OpenAI, or prefixes ending in `*`, whose calls run in the background: after a crash the next attempt resumes the
       * call. OpenAI then stores the answers (`store: true`).
       */
      background: z.array(z.string().min(1)).default([]),
      /**
       * Records the answers of OpenAI, Anthropic and model servers with each task and its input, in the payload bucket, whose
       * lifecycle rule deletes them (`payloadExpiryDays`): `npm run rehearse` runs changed code against them.
       */
      isRecorded: z.boolean().default(false),
      /** Further model servers: Ollama, vLLM, a gateway, Azure. */
      servers: z.array(serverSchema).default([]),
      /**
       * Limits of providers per model and minute, by `provider:model` or a prefix of it ending in `*`; the first match applies.
       * Calls above the limit wait without using up an attempt.
       */
      limits: z
        .record(
          z.string().regex(/^[a-z][a-z0-9-]*:.+$/, 'must be "provider:model", with * for any ending'),
          z
            .strictObject({
              requestsPerMinute: z.number().positive().optional(),
              tokensPerMinute: z.number().positive().optional(),
            })
            .refine((limit) => limit.requestsPerMinute !== undefined || limit.tokensPerMinute !== undefined, {
              error: 'must have requestsPerMinute or tokensPerMinute',
            }),
        )
        .default({}),
      /** For models without `limits`, learn them from the headers of answers. */
      learnsLimits: z.boolean().default(true),
      /** The proxy for model calls, and the hosts called without it, separated by commas. */
      proxy: z
        .strictObject({ https: address.optional(), http: address.optional(), noProxy: z.string().optional() })
        .default({}),
    }),
    /**
     * Limits of each tenant; when left out, only the stage's capacity limits it. Open tasks are counted in one row, and each submit
     * and each end pays for its size, 40 bytes per task; this is the reason for the upper limit.
     */
    tenantLimits: z
      .strictObject({
        openTasks: whole.min(1).max(5_000).optional(),
        /** Open tasks whose first attempt has not begun. */
        queuedTasks: whole.min(1).max(5_000).optional(),
        /** Concurrently running tasks. Further ones are not refused: they wait, and use up no attempt. */
        runningTasks: whole.min(1).max(1_000).optional(),
        schedules: whole.min(1).max(1_000).optional(),
        /** Workflows that have not ended. */
        workflows: whole.min(1).max(1_000).optional(),
        /** Requests of all routes that need a key; submits are counted separately, with the same limit unless the next line sets one. */
        requestsPerMinute: whole.min(1).max(60_000).optional(),
        requestBurst: whole.min(1).max(60_000).optional(),
        submitsPerMinute: whole.min(1).max(60_000).optional(),
        burst: whole.min(1).max(60_000).optional(),
        /** Bytes of an input as JSON; larger data is uploaded. */
        payloadBytes: whole.min(1).max(6_000_000).optional(),
        /**
         * Cost of its tasks' models per UTC day and month; a task that could exceed it is refused. At most 5,000 of
         * its tasks with model calls may be open then: their reservations are in the same row.
         */
        budget: z
          .strictObject({
            usdPerDay: z.number().min(0).optional(),
            usdPerMonth: z.number().min(0).optional(),
            /** Output tokens of a call without max_tokens; 4,096 when left out. */
            outputTokens: whole.min(1).max(200_000).optional(),
            /** Assumed price of models without a listed price; when left out, they are refused. */
            unknownUsdPerMillionTokens: z.number().min(0).optional(),
          })
          .optional(),
      })
      .default({}),
    /** Tasks that the stage itself submits regularly. The API shows them; they can be changed only here. */
    schedules: schedulesSchema,
    /**
     * The most read and write units per second, so that a mistake has a limited cost; unlimited when left out. And the write units per
     * second that table and indexes accept from the start: when left out, a new table accepts 4,000 and throttles more until it has
     * grown. AWS charges once for pre-warming.
     */
    table: z
      .strictObject({
        maxWriteUnits: whole.min(1).optional(),
        maxReadUnits: whole.min(1).optional(),
        warmWriteUnits: whole.min(NEW_TABLE_WRITE_UNITS).optional(),
      })
      .refine(({ maxWriteUnits, warmWriteUnits }) => (warmWriteUnits ?? 0) <= (maxWriteUnits ?? Infinity), {
        path: ['warmWriteUnits'],
        message: 'is above maxWriteUnits, which would refuse it.',
      })
      .default({}),
    /**
     * A customer's KMS key that encrypts rows and payload objects; when left out, keys owned by AWS do. Its policy must allow
     * the account's roles to use it.
     */
    dataKmsArn: kmsKeyArn.optional(),
    /**
     * KMS keys of single tenants, from any account that allows this one's roles to use them: a tenant's inputs, checkpoints and
     * results are then stored in the bucket under its key, whatever their size. Functions get all of them in 4 kB of environment, so there can be 20.
     */
    tenantKmsArns: z
      .record(TENANT, kmsKeyArn)
      .refine((keys) => Object.keys(keys).length <= 20, { error: 'may name 20 tenants' })
      .default({}),
    /** Days a finished row is kept. */
    retentionDays: whole.min(1).max(3_650),
    /** Days for which audit entries are kept; 90 when left out. */
    auditDays: whole.min(1).max(3_650).optional(),
    /** Payload objects expire this many days after submission; later than any row that refers to them. */
    payloadExpiryDays: whole.min(1).max(3_660),
    logs: z.strictObject({
      retentionDays: z.literal(LOG_DAYS),
      /** Metrics are in INFO lines: with a higher level Lambda would drop all of them. */
      level: z.enum(['DEBUG', 'INFO']),
    }),
    protection: z.strictObject({
      /** Stateful resources are kept when their stack is deleted. */
      isRetained: z.boolean(),
      /** The table refuses to be deleted. */
      hasDeletionProtection: z.boolean(),
      /** The stateful stack refuses to be deleted. */
      hasTerminationProtection: z.boolean(),
      hasPointInTimeRecovery: z.boolean(),
    }),
    api: z.strictObject({
      requestsPerSecond: whole.min(1),
      burst: whole.min(1),
      memoryMb: whole.min(128).max(10_240),
      /**
       * Callers that may wait at the same time (`Prefer: wait`, `?wait=`); further ones are answered at once. Each waiting caller
       * uses an environment of an API function, so this limits how much of the account's concurrency waiting can take.
       */
      waitPlaces: whole.min(0).max(1_000),
      /** Callers that may watch events at the same time, each using an environment; further ones get the state and reconnect later. */
      watchPlaces: whole.min(0).max(1_000),
      /**
       * API Gateway writes access logs with one role per account and Region. True: this stage sets it, and keeps it
       * when deleted. False when the account is managed elsewhere.
       */
      setsAccountLogRole: z.boolean(),
      /**
       * A new version of an API function first gets a tenth of the requests for five minutes; an alarm in that time
       * shifts all of them back to the old version and fails the deployment.
       */
      hasCanary: z.boolean(),
      ...endpointShape,
      /** Who may read the docs page and its files, 1.7 MB in total: everybody, callers with a key, or nobody. */
      docs: z.enum(['open', 'key', 'off']),
      /**
       * Origins of web pages that may call the API: `https://app.example.com`, `http://localhost:*` for any port, `*` for all.
       * Their preflights need no key. Empty: pages of other origins cannot call the API.
       */
      corsOrigins: z.array(
        z
          .string()
          .regex(
            /^(\*|https?:\/\/[^/\s*]+(:\*)?)$/,
            'is an origin without a path, e.g. https://app.example.com; of its parts only the port may be *',
          ),
      ),
    }),
    sweeper: z.strictObject({
      everyMinutes: whole.min(1).max(60),
      timeoutSeconds: whole.min(10).max(900),
      memoryMb: whole.min(128).max(10_240),
      /** Concurrent sweepers, each with its part of the due index's 16 shards. */
      parts: z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8), z.literal(16)]),
    }),
    timing: z.strictObject({
      /**
       * Scale of leases, visibility timeouts and the sweeper's waits. Below 1 only for tests on one machine; deployed, any pause of
       * a worker could exceed such a short lease.
       */
      scale: z.number().min(0.1).max(1),
    }),
    /** When old tasks are deleted, every day. */
    cleanup: z.strictObject({
      hour: whole.min(0).max(23),
      /** IANA name, e.g. `Europe/Berlin`. */
      timeZone: z
        .string()
        .refine((name) => Intl.supportedValuesOf('timeZone').includes(name) || name === 'UTC', {
          error: 'must be an IANA time zone, e.g. Europe/Berlin',
        }),
    }),
    /** Dashboards, alarms, their topics and saved queries. */
    hasObservability: z.boolean(),
    /** Mail by SES. When left out, tasks that send mail fail with a clear error. */
    mail: z
      .strictObject({
        from: z.email(),
        /** The verified SES identity of `from`, when it is the whole domain. */
        identity: z.string().min(3).optional(),
      })
      .optional(),
    observability: z.strictObject({
      /** Cost of models in US dollars per hour above which an alarm is raised. */
      spendUsdPerHour: z.number().positive(),
      /** `xray`: Lambda and API Gateway send traces to X-Ray. */
      tracing: z.enum(['off', 'xray']),
      /** Addresses that get a mail when an alarm starts or ends. AWS asks each address to confirm. */
      alarmSubscriptions: z
        .array(
          z.discriminatedUnion('protocol', [
            z.strictObject({ severity, protocol: z.literal('email'), endpoint: z.email() }),
            z.strictObject({
              severity,
              protocol: z.literal('https'),
              endpoint: z.string().startsWith('https://', 'must be an https:// address'),
            }),
            // A channel of a workspace that was authorized once in the account's Amazon Q Developer console.
            z.strictObject({
              severity,
              protocol: z.literal('slack'),
              workspaceId: z.string().regex(/^T[A-Z0-9]+$/, 'must be a workspace id, e.g. T0123ABCD'),
              channelId: z.string().regex(/^[CG][A-Z0-9]+$/, 'must be a channel id, e.g. C0123ABCD'),
            }),
          ]),
        )
        .default([]),
      /** Includes alarms on ratios and on other alarms, and saved queries, which emulators refuse. */
      hasAllAlarms: z.boolean(),
      /** URL of the runbook in alarms and dashboards. */
      runbookUrl: z.string().min(1),
      /** Everybody who can see the dashboard can read inputs there. */
      showsPrompts: z.boolean(),
    }),
  })
  .refine((stage) => stage.payloadExpiryDays > stage.retentionDays + LIMITS.maxDelayDays, {
    path: ['payloadExpiryDays'],
    error: `must be above retentionDays + ${LIMITS.maxDelayDays}, the longest delay: a row must not point at an object that is gone`,
  })
  .refine(({ api }) => api.issuers.length === 0 || api.auth === 'keys', {
    path: ['api', 'issuers'],
    error: 'needs auth "keys": nobody checks tokens else',
  })
  .refine(({ api }) => api.iamCallers.length > 0 === (api.auth === 'iam'), {
    path: ['api', 'iamCallers'],
    error: 'and auth "iam" belong together: it says who signs, and for which tenant',
  })
  .refine(({ name, api }) => name === 'local' || api.usagePlan === undefined || api.auth !== 'key', {
    path: ['api', 'usagePlan'],
    error: 'is for auth "keys" or "iam": with auth "key" its keys are the only ones',
  })
  .refine(
    ({ name, api }) =>
      name === 'local' || api.issuers.every(({ issuer, jwksUrl }) => !isPlain(issuer, jwksUrl)),
    { path: ['api', 'issuers'], error: 'must have addresses that begin with https://' },
  )
  .refine(({ name, timing }) => name === 'local' || timing.scale === 1, {
    path: ['timing', 'scale'],
    error: 'must be 1 on a deployed stage: shorter leases are for tests on one machine',
  })
  .refine(({ dataKmsArn, region }) => !dataKmsArn || dataKmsArn.split(':')[3] === region, {
    path: ['dataKmsArn'],
    error: 'must be a key of the Region that the stage states as its own: a table takes no other',
  })
  .refine(({ api }) => !(api.domain && api.vpcEndpointIds.length > 0), {
    path: ['api', 'domain'],
    error: 'and vpcEndpointIds exclude each other: a private API has no public name',
  })
  .refine(
    ({ name, tenantKmsArns, region }) =>
      name === 'local' || Object.values(tenantKmsArns).every((arn) => arn.split(':')[3] === region),
    {
      path: ['tenantKmsArns'],
      error: 'must be keys of the Region that the stage states as its own: a bucket takes no other',
    },
  )
  .refine(({ api }) => !(api.webAclArn && api.managedRules), {
    path: ['api', 'managedRules'],
    error: 'and webAclArn exclude each other: a stage has one web ACL',
  })
  .superRefine(({ name, models }, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: ['models', path], message })
    const isReal = name === 'staging' || name === 'prod'
    if (isReal && models.providers.includes('simulated'))
      refuse('providers', `"simulated" must not be active in ${name}: it answers without a model`)
    const answerers: readonly string[] = [...models.providers, ...models.servers.map((server) => server.name)]
    for (const [model, provider] of Object.entries(models.routes))
      if (!answerers.includes(provider))
        refuse('routes', `"${model}" goes to "${provider}", which is not among this stage's providers`)
    for (const name of Object.keys(models.limits)) {
      const [provider = ''] = name.split(':')
      if (!answerers.includes(provider))
        refuse('limits', `"${name}" names "${provider}", which is not among this stage's providers`)
    }
    const twice = models.servers.find(({ name }, index) =>
      models.servers.slice(0, index).some((other) => other.name === name),
    )
    if (twice) refuse('servers', `"${twice.name}" is there twice`)
    const served = models.servers.flatMap((server) => server.models)
    const ambiguous = served.find((model, index) => served.indexOf(model) !== index)
    if (ambiguous !== undefined) refuse('servers', `"${ambiguous}" goes to two of them`)
    if (models.bedrockModels.length > 0 && !models.providers.includes('bedrock'))
      refuse('bedrockModels', `need "bedrock" among this stage's providers`)
    if (!isRouted(models, models.defaultModel))
      refuse(
        'defaultModel',
        `"${models.defaultModel}" fits no route (${Object.keys(models.routes).join(', ')})`,
      )
  })
export type StageSettings = z.output<typeof stageSchema>
export type StageInput = z.input<typeof stageSchema>

function isRouted(
  models: { routes: Record<string, string>; bedrockModels: string[]; servers: { models: string[] }[] },
  model: string,
): boolean {
  const patterns = [
    ...models.bedrockModels,
    ...models.servers.flatMap((server) => server.models),
    ...Object.keys(models.routes),
  ]
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern,
  )
}

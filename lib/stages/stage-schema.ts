import * as z from 'zod'
import { KEYED_PROVIDERS, PROVIDERS } from '../../functions/contract/providers.ts'
import { LANES, type Lane, LIMITS, SCOPES } from '../../functions/contract.ts'
import { schedulesSchema } from './stage-schedules.ts'

/** Stages with a file of their own. */
export const STAGE_NAMES = ['local', 'emulated', 'dev', 'staging', 'prod'] as const

/** Those that `cdk deploy` may see. `local` has no key; `emulated` is for an emulator, and must be asked for by name. */
export const DEPLOYABLE = [
  'dev',
  'staging',
  'prod',
] as const satisfies readonly (typeof STAGE_NAMES)[number][]

/** A copy of stage `dev` for one branch or pull request, under a name of its own. */
export type PreviewName = `preview-${string}`
export type StageName = (typeof STAGE_NAMES)[number] | PreviewName

/** docs.aws.amazon.com/amazondynamodb, "Pre-warming a table for on-demand capacity mode". */
export const NEW_TABLE_WRITE_UNITS = 4_000

/** The name becomes part of every physical name; a queue's may have 80 characters, and people type it. */
const PREVIEW_NAME = /^preview-[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,23}$/
export const PREVIEW_RULE =
  'lower-case letters, digits and single hyphens, a letter first, at most 24 characters, e.g. "pr-123"'

export const isPreviewName = (name: string): name is PreviewName => PREVIEW_NAME.test(name)

/** What stage `local` reads from the shell and `.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What CloudWatch Logs accepts, in days; anything else is refused at deploy time, so refuse it here. */
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
    /** Invocations at once. Times `batchSize` this is the number of tasks, and of model calls, at once. */
    maxConcurrency: whole.min(2).max(1_000),
    memoryMb: whole.min(128).max(10_240),
    /** The hard limit of one invocation; a task's own limit is below it. */
    timeoutSeconds: whole.min(1).max(900),
    /** Not the retry budget, which is the row's: it ends messages that no worker lives long enough to handle. */
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

/** Loopback is for stage `local`; anywhere else what comes by http could be anybody's. */
const issuerAddress = z
  .url()
  .refine((url) => /^https:\/\/|^http:\/\/(localhost|127\.0\.0\.1)[:/]/.test(`${url}/`), {
    error: 'must be an address that begins with https://',
  })

const isPlain = (...urls: readonly (string | undefined)[]): boolean =>
  urls.some((url) => url?.startsWith('http:'))

const issuerSchema = z
  .strictObject({
    /** Before the subject of its tokens, where else the id of a key stands. */
    name: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be lower case letters, digits and "-"'),
    /** Exactly as its tokens spell it in `iss`. */
    issuer: issuerAddress,
    audiences: z.array(z.string().min(1)).min(1),
    /** Access tokens of Amazon Cognito have `client_id` in place of `aud`. */
    audienceClaim: z.string().min(1).default('aud'),
    /** Signatures by a public key alone: with a shared secret that key would sign as well. */
    algorithms: z
      .array(
        z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']),
      )
      .min(1)
      .default(['RS256', 'ES256']),
    /** Left out, its discovery document says it. */
    jwksUrl: issuerAddress.optional(),
    /** One tenant for all its tokens, or the claim that has each one's. No claim makes anybody an operator. */
    tenant: TENANT.optional(),
    tenantClaim: z.string().min(1).optional(),
    scopesClaim: z.string().min(1).default('scope'),
    scopePrefix: z.string().default(''),
    /** What its tokens may do at most. */
    mostScopes: z.array(z.enum(SCOPES)).default(['tasks:read', 'tasks:write']),
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

/** How callers reach the API, where it is not the gateway's own address with a key. */
const endpointShape = {
  /** A name of your own, with its certificate in the stage's Region. */
  domain: z
    .strictObject({
      name: z.string().regex(/^([a-z0-9-]+\.)+[a-z]{2,}$/, 'must be a host name'),
      certificateArn: z.string().startsWith('arn:'),
      /** e.g. `ai/runner`; left out, the API has the name to itself. */
      basePath: z
        .string()
        .regex(/^[\w$.+!*'()-]+(\/[\w$.+!*'()-]+)*$/, 'must be one or more names with slashes between them')
        .optional(),
      /** The gateway's own address answers nothing any more. */
      isOnly: z.boolean().default(false),
    })
    .optional(),
  /** A web ACL of yours in front of the stage. */
  webAclArn: z.string().startsWith('arn:').optional(),
  /** In place of it, one with AWS's managed rules and so many requests of one address in five minutes. */
  managedRules: z.strictObject({ requestsPerAddress: whole.min(10).max(2_000_000_000) }).optional(),
  /** Only through these VPC endpoints of `execute-api`; nothing from the internet. */
  vpcEndpointIds: z.array(z.string().regex(/^vpce-[0-9a-f]+$/, 'must be a VPC endpoint id')).default([]),
  /**
   * `keys`: our keys, `tk_…`, with tenant, scopes, expiry and rotation. `iam`: callers sign with AWS credentials, and
   * `iamCallers` says whose tenant they are. `key`: API Gateway's own keys alone, each one a tenant with every right.
   * A method has one type of authorization, so a stage has one of these.
   */
  auth: z.enum(['keys', 'iam', 'key']).default('keys'),
  /** In front of `keys` or `iam`, one of API Gateway's keys as well (`x-api-key`), with what each may do in its usage plan. */
  usagePlan: z
    .strictObject({ requestsPerDay: whole.min(1).optional(), requestsPerMonth: whole.min(1).optional() })
    .refine((plan) => !(plan.requestsPerDay && plan.requestsPerMonth), {
      path: ['requestsPerMonth'],
      error: 'and requestsPerDay exclude each other: a usage plan has one quota',
    })
    .optional(),
  /** With `iam`: roles and users, and what they may do. Whoever is not listed is refused. */
  iamCallers: z.array(iamCallerSchema).default([]),
  /** With `keys`: issuers of OpenID Connect whose tokens are taken, too. */
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

/** A server that speaks a provider's protocol. Its key is the parameter `<name>-api-key`. */
const serverSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be lower case letters, digits and "-"')
      .refine((name) => !(PROVIDERS as readonly string[]).includes(name), 'is the name of a provider'),
    speaks: z.enum(KEYED_PROVIDERS as [(typeof KEYED_PROVIDERS)[number]]).default('openai'),
    baseUrl: address,
    /** Model names, or prefixes ending in `*`, that go to it. */
    models: z.array(z.string().min(1)).min(1),
    isKeyless: z.boolean().default(false),
    /** Of its models, those whose calls it runs in the background; it must speak OpenAI's responses. */
    background: z.array(z.string().min(1)).default([]),
    /** What is known of its dialect; the rest is learned. */
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
 * Everything in which one environment may differ from another. Strict: an unknown key is a mistake, and a mistake
 * in a stage file has to fail at synth, not at three in the morning.
 */
export const stageSchema = z
  .strictObject({
    /** The one account, and Region, that this stage may be deployed to. Left out, whatever the credentials lead to. */
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
    /** Name of the managed policy that bounds every role. */
    permissionsBoundary: z.string().min(1).optional(),
    /** Where `cdk bootstrap --qualifier` was run with one. */
    bootstrapQualifier: z
      .string()
      .regex(/^[a-z0-9]{1,10}$/, 'must be 1 to 10 lower-case letters and digits')
      .optional(),
    /** What everything with this stage's tag may cost in a month before these addresses are told. */
    budget: z
      .strictObject({ usdPerMonth: z.number().positive(), tell: z.array(z.email()).min(1).max(10) })
      .optional(),
    name: z.union([z.enum(STAGE_NAMES), z.custom<PreviewName>((name) => isPreviewName(String(name)))]),
    /** No API key is asked for. Loopback only. */
    isOpen: z.boolean(),
    lanes: z.strictObject(lanesShape),
    models: z.strictObject({
      /** Providers this stage may call at all. */
      providers: z.array(z.enum(PROVIDERS)).min(1),
      /** Model name, or prefix ending in `*` → provider; the first match in order of writing wins. */
      routes: z.record(z.string().min(1), z.string().min(1)),
      defaultModel: z.string().min(1),
      /**
       * Bedrock model or inference profile ids, or model ids behind `{region}.`, which become the profile of the Region that is
       * deployed to. Each is routed to Bedrock and named in the workers' permissions.
       */
      bedrockModels: z.array(z.string().min(1)),
      /** The stage whose keys in SSM this one uses. Left out, it has its own. */
      keysOfStage: z.enum(STAGE_NAMES).optional(),
      /** The customer's key that encrypts the model keys in SSM; without it they are under the account's own. */
      keysKmsArn: kmsKeyArn.optional(),
      /** Providers that are reached at another address than their own. */
      baseUrls: z.partialRecord(z.enum(PROVIDERS), address).default({}),
      /**
       * Models of OpenAI, or prefixes ending in `*`, whose calls run in the background: an attempt that dies is followed by one
       * that attaches to its call. OpenAI then stores the answers (`store: true`).
       */
      background: z.array(z.string().min(1)).default([]),
      /**
       * Keeps what OpenAI, Anthropic and further servers answer beside each task, with its input, in the payload bucket, whose rule
       * deletes it (`payloadExpiryDays`): `npm run rehearse` runs the code of another day against it.
       */
      isRecorded: z.boolean().default(false),
      /** Further servers, each beside the others: Ollama, vLLM, a gateway, Azure. */
      servers: z.array(serverSchema).default([]),
      /**
       * What providers let each model have a minute, by `provider:model` or the beginning of it and `*`; the first that fits
       * holds. Calls beyond wait for their time without spending an attempt.
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
      /** Of models that `limits` does not name, what is left is learned from the headers of their answers. */
      learnsLimits: z.boolean().default(true),
      /** The proxy that model calls go by, and the hosts reached without it, by commas. */
      proxy: z
        .strictObject({ https: address.optional(), http: address.optional(), noProxy: z.string().optional() })
        .default({}),
    }),
    /**
     * What each tenant may do at most; left out, as much as the stage bears. Open tasks are counted in one row, which each
     * submit and each end pays for by its size, 40 bytes a task: hence the bound.
     */
    tenantLimits: z
      .strictObject({
        openTasks: whole.min(1).max(5_000).optional(),
        /** Of these, tasks that no attempt has begun. */
        queuedTasks: whole.min(1).max(5_000).optional(),
        /** Tasks that run at once. Further ones are not refused: they stand in line, and spend no attempt. */
        runningTasks: whole.min(1).max(1_000).optional(),
        schedules: whole.min(1).max(1_000).optional(),
        /** Workflows that have not ended. */
        workflows: whole.min(1).max(1_000).optional(),
        /** Requests of every route that wants a key; submits, counted apart, are let as many unless the next line says else. */
        requestsPerMinute: whole.min(1).max(60_000).optional(),
        requestBurst: whole.min(1).max(60_000).optional(),
        submitsPerMinute: whole.min(1).max(60_000).optional(),
        burst: whole.min(1).max(60_000).optional(),
        /** Bytes of an input as JSON; what is larger goes by an upload. */
        payloadBytes: whole.min(1).max(6_000_000).optional(),
        /**
         * What its tasks' models may cost in a UTC day and month; a task that could go beyond is refused. At most 5,000 of
         * its tasks that call models may be open then: what is held for each stands in the same row.
         */
        budget: z
          .strictObject({
            usdPerDay: z.number().min(0).optional(),
            usdPerMonth: z.number().min(0).optional(),
            /** The most a call may answer that states no max_tokens; 4,096 when left out. */
            outputTokens: whole.min(1).max(200_000).optional(),
            /** What a model without a listed price is taken to cost; left out, it is refused. */
            unknownUsdPerMillionTokens: z.number().min(0).optional(),
          })
          .optional(),
      })
      .default({}),
    /** Tasks that the stage itself submits, again and again. Shown by the API, changed here alone. */
    schedules: schedulesSchema,
    /**
     * The most units a second that the table takes, so that a mistake has a price; left out, whatever comes. And the write units a
     * second that table and indexes bear from the first one on: left out, a new table bears 4,000 and refuses what comes above until it has grown.
     * AWS charges for warming once.
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
     * The customer's key that encrypts rows and payload objects; left out, they are under keys that AWS owns. Its policy must
     * let the account's roles use it.
     */
    dataKmsArn: kmsKeyArn.optional(),
    /**
     * Keys of single tenants, of any account that lets this one's roles use them: what a tenant puts in, keeps between steps and gets
     * out lies in the bucket under its key, however small. Functions are told of all of them, in 4 kB of environment: hence 20.
     */
    tenantKmsArns: z
      .record(TENANT, kmsKeyArn)
      .refine((keys) => Object.keys(keys).length <= 20, { error: 'may name 20 tenants' })
      .default({}),
    /** Days a finished row is kept. */
    retentionDays: whole.min(1).max(3_650),
    /** Days for which it is kept who did what; left out, 90. */
    auditDays: whole.min(1).max(3_650).optional(),
    /** Payload objects expire this many days after submission; later than any row that points at them. */
    payloadExpiryDays: whole.min(1).max(3_660),
    logs: z.strictObject({
      retentionDays: z.literal(LOG_DAYS),
      /** Metrics travel in INFO lines: with a higher level Lambda would drop every one of them. */
      level: z.enum(['DEBUG', 'INFO']),
    }),
    protection: z.strictObject({
      /** Stateful resources outlive their stack. */
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
       * Callers that may wait at once (`Prefer: wait`, `?wait=`); further ones are answered at once. Each holds an
       * environment of an API function, so that waiting can take no more of the account's concurrency than this.
       */
      waitPlaces: whole.min(0).max(1_000),
      /** Callers that may watch events at once, each in an environment of its own; further ones are told the state and to come back. */
      watchPlaces: whole.min(0).max(1_000),
      /**
       * API Gateway writes access logs with one role per account and Region. True: this stage sets it, and leaves it
       * in place when deleted. False where somebody else governs the account.
       */
      setsAccountLogRole: z.boolean(),
      /**
       * A new version of an API function gets a tenth of the requests for five minutes first; an alarm in that time
       * takes all of them back to the old one and fails the deployment.
       */
      hasCanary: z.boolean(),
      ...endpointShape,
      /** Who may read the docs page and its files, 1.7 MB together: anybody, callers with a key, or nobody. */
      docs: z.enum(['open', 'key', 'off']),
      /**
       * Origins of pages that may call the API from a browser: `https://app.example.com`, `http://localhost:*` for any
       * port, `*` for everybody. Their preflights need no key. Empty: browsers of other origins are kept out.
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
      /** Sweepers side by side, each with its part of the due index's 16 shards. */
      parts: z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8), z.literal(16)]),
    }),
    timing: z.strictObject({
      /**
       * Length of leases, visibilities and the sweeper's waits as a share of the usual one. Below 1 for tests on one
       * machine; deployed, a lease that short would be lost to any pause of a worker.
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
    /** Mail by SES. Left out, tasks that send mail fail and say so. */
    mail: z
      .strictObject({
        from: z.email(),
        /** The verified identity that `from` belongs to, where it is the whole domain. */
        identity: z.string().min(3).optional(),
      })
      .optional(),
    observability: z.strictObject({
      /** Models may cost this many US dollars in an hour before an alarm. */
      spendUsdPerHour: z.number().positive(),
      /** `xray`: Lambda and API Gateway tell X-Ray of each call. */
      tracing: z.enum(['off', 'xray']),
      /** Addresses that get a mail when an alarm goes on or off. AWS asks each address to confirm. */
      alarmSubscriptions: z
        .array(
          z.discriminatedUnion('protocol', [
            z.strictObject({ severity, protocol: z.literal('email'), endpoint: z.email() }),
            z.strictObject({
              severity,
              protocol: z.literal('https'),
              endpoint: z.string().startsWith('https://', 'must be an https:// address'),
            }),
            // A channel of a workspace that the account's Amazon Q Developer has been let into once, in its console.
            z.strictObject({
              severity,
              protocol: z.literal('slack'),
              workspaceId: z.string().regex(/^T[A-Z0-9]+$/, 'must be a workspace id, e.g. T0123ABCD'),
              channelId: z.string().regex(/^[CG][A-Z0-9]+$/, 'must be a channel id, e.g. C0123ABCD'),
            }),
          ]),
        )
        .default([]),
      /** Alarms on ratios and on other alarms, and saved queries, too; emulators refuse them. */
      isFull: z.boolean(),
      /** Where alarms and dashboards say that the runbook is. */
      runbookUrl: z.string().min(1),
      /** Whoever may see the dashboard may read inputs there. */
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

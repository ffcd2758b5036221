import * as z from 'zod'
import { PROVIDERS } from '../contract/providers.ts'
import { ENV, LANES, SCOPES } from '../contract.ts'

const json = <Shape extends z.ZodType>(shape: Shape) =>
  z
    .string()
    .transform((text, context): z.input<Shape> => {
      try {
        return JSON.parse(text)
      } catch {
        context.addIssue({ code: 'custom', message: 'is not JSON' })
        return z.NEVER
      }
    })
    .pipe(shape as never) as unknown as z.ZodType<z.output<Shape>>

const urls = json(z.partialRecord(z.enum(LANES), z.url()))
const shapes = {
  [ENV.stage]: z.string().min(1),
  [ENV.serviceVersion]: z.string().min(1),
  [ENV.tableName]: z.string().min(1),
  [ENV.payloadBucket]: z.string().min(1),
  [ENV.queueUrls]: urls,
  [ENV.deadLetterQueueUrls]: urls,
  [ENV.workflowQueueUrl]: z.url(),
  [ENV.webhookQueueUrl]: z.url(),
  [ENV.eventSourceIds]: json(z.partialRecord(z.enum(LANES), z.string().min(1))),
  [ENV.lane]: z.enum(LANES),
  [ENV.slots]: z.coerce.number().int().positive(),
  [ENV.watchPlaces]: z.coerce.number().int().nonnegative(),
  [ENV.waitPlaces]: z.coerce.number().int().nonnegative(),
  [ENV.modelRoutes]: json(z.record(z.string(), z.string())),
  [ENV.defaultModel]: z.string().min(1),
  [ENV.retentionDays]: z.coerce.number().int().positive(),
  [ENV.parameterPrefix]: z.string().startsWith('/').endsWith('/'),
  [ENV.opsActionArn]: z.string().min(1),
  [ENV.defaultTenant]: z.string().min(1),
  [ENV.showsPrompts]: z.enum(['true', 'false']).transform((text) => text === 'true'),
  [ENV.timingScale]: z.coerce.number().positive().max(1).default(1),
  [ENV.tenantLimits]: json(
    z.object({
      openTasks: z.int().positive().optional(),
      queuedTasks: z.int().positive().optional(),
      runningTasks: z.int().positive().optional(),
      schedules: z.int().positive().optional(),
      workflows: z.int().positive().optional(),
      requestsPerMinute: z.int().positive().optional(),
      requestBurst: z.int().positive().optional(),
      submitsPerMinute: z.int().positive().optional(),
      burst: z.int().positive().optional(),
      payloadBytes: z.int().positive().optional(),
      budget: z
        .object({
          usdPerDay: z.number().nonnegative().optional(),
          usdPerMonth: z.number().nonnegative().optional(),
          outputTokens: z.int().positive().optional(),
          unknownUsdPerMillionTokens: z.number().nonnegative().optional(),
        })
        .optional(),
    }),
  ).default({}),
  [ENV.providerLimits]: json(
    z.object({
      learns: z.boolean(),
      limits: z.record(
        z.string(),
        z.object({
          requestsPerMinute: z.number().positive().optional(),
          tokensPerMinute: z.number().positive().optional(),
        }),
      ),
    }),
  ).default({ learns: true, limits: {} }),
  [ENV.tenantKmsArns]: json(z.record(z.string(), z.string())).default({}),
  [ENV.auditDays]: z.coerce.number().int().positive().default(90),
  [ENV.tokenIssuers]: json(
    z.array(
      z.object({
        name: z.string(),
        issuer: z.string(),
        audiences: z.array(z.string()).min(1),
        audienceClaim: z.string(),
        algorithms: z.array(z.string()).min(1),
        jwksUrl: z.string().optional(),
        tenant: z.string().optional(),
        tenantClaim: z.string().optional(),
        scopesClaim: z.string(),
        scopePrefix: z.string(),
        maxScopes: z.array(z.enum(SCOPES)),
      }),
    ),
  ).default([]),
  [ENV.stageSchedules]: json(
    z.array(
      z.object({
        name: z.string(),
        timing: z.discriminatedUnion('kind', [
          z.object({ kind: z.literal('cron'), expression: z.string(), timezone: z.string() }),
          z.object({ kind: z.literal('rate'), everyMs: z.number().positive(), anchor: z.number() }),
        ]),
        overlap: z.enum(['skip', 'allow', 'cancel_running']),
        missed: z.enum(['skip', 'run_once', 'run_all']),
        jitterMs: z.number(),
        task: z.record(z.string(), z.unknown()),
        submission: z.object({
          type: z.string(),
          lane: z.enum(LANES),
          model: z.string().nullable(),
          priority: z.number(),
          maxAttempts: z.number(),
          timeoutMs: z.number(),
          tags: z.array(z.string()),
        }),
      }),
    ),
  ).default([]),
  [ENV.corsOrigins]: json(z.array(z.string().min(1))).default([]),
  [ENV.modelServers]: json(
    z.record(
      z.string(),
      z.object({
        speaks: z.enum(PROVIDERS),
        baseUrl: z.url({ protocol: /^https?$/ }).optional(),
        isKeyless: z.boolean().optional(),
        dialect: z.record(z.string(), z.unknown()).optional(),
        background: z.array(z.string()).optional(),
        isRecorded: z.boolean().optional(),
      }),
    ),
  ).optional(),
  [ENV.httpsProxy]: z.string().optional(),
  [ENV.httpProxy]: z.string().optional(),
  [ENV.noProxy]: z.string().optional(),
  [ENV.mailFrom]: z.string().optional(),
  [ENV.cleanUpFunction]: z.string().min(1).optional(),
  [ENV.auth]: z.enum(['open', 'key', 'iam', 'keys']).default('key'),
  [ENV.iamCallers]: json(
    z.array(z.object({ arn: z.string(), tenant: z.string(), scopes: z.array(z.enum(SCOPES)) })),
  ).default([]),
  [ENV.hasUsagePlan]: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true'),
}
type Shapes = typeof shapes

/**
 * Reads the named settings from the environment, once, at cold start.
 *
 * @throws Error that names every missing or wrong setting, because a partly configured function must not start.
 */
export function readConfig<Name extends keyof Shapes>(
  names: readonly Name[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): { readonly [Key in Name]: z.output<Shapes[Key]> } {
  const problems: string[] = []
  const config: Record<string, unknown> = {}
  for (const name of names) {
    const parsed = shapes[name].safeParse(environment[name])
    if (parsed.success) config[name] = parsed.data
    else
      problems.push(
        `${name} ${environment[name] === undefined ? 'is missing' : parsed.error.issues[0]?.message}`,
      )
  }
  if (problems.length > 0) throw new Error(`Bad function environment: ${problems.join('; ')}.`)
  return config as never
}

/** Set by Lambda; elsewhere there is no such limit. */
export const functionMemoryMb = (
  environment: Readonly<Record<string, string | undefined>> = process.env,
): number => Number(environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE ?? Number.POSITIVE_INFINITY)

/** Whether AWS's services run on the same machine, as in the local runtime, which sets the SDK's variables for their addresses. */
export const hasOwnServices = (
  environment: Readonly<Record<string, string | undefined>> = process.env,
): boolean => environment.AWS_ENDPOINT_URL_DYNAMODB !== undefined

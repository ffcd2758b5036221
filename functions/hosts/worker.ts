/** Dependencies of a lane's worker. Not in `lambda.ts`, so that no API function loads a provider. */
import { keyParameterOf } from '../contract/providers.ts'
import { ENV, type Lane } from '../contract.ts'
import { DynamoProviderRates } from '../core/adapters/dynamodb/provider-rates.ts'
import { LambdaUpkeep } from '../core/adapters/lambda/upkeep.ts'
import { createModelProviders } from '../core/adapters/providers/model-providers.ts'
import { SesMailer } from '../core/adapters/ses/mailer.ts'
import { ParameterKeys } from '../core/adapters/ssm/parameter-keys.ts'
import { openHeavyThread } from '../core/adapters/system/heavy-thread.ts'
import { stepScope } from '../core/adapters/system/step-scope.ts'
import { openTaskConsole } from '../core/adapters/system/task-console.ts'
import { ProviderGate } from '../core/application/run/guard-provider.ts'
import { ProviderLimiter } from '../core/application/run/limit-provider.ts'
import { RunNotes } from '../core/application/run/note-runs.ts'
import type { RunDependencies } from '../core/application/run/run-task.ts'
import { notifyWebhooks } from '../core/application/webhook/notify-webhooks.ts'
import { costMicroUsd, modelFamilyOf } from '../core/domain/cost.ts'
import { causeFields } from '../core/domain/errors.ts'
import type { Task } from '../core/domain/task.ts'
import { includesEvent, mayHaveReceivers, type WebhookEvent } from '../core/domain/webhook.ts'
import { findTaskType, taskTypes } from '../tasks/registry.gen.ts'
import { cachePerTenant } from './cache-per-tenant.ts'
import { functionMemoryMb } from './config.ts'
import { openFollowUpSteps } from './follow-ups.ts'
import {
  buildLog,
  clock,
  ids,
  log,
  openCircuits,
  openDeadLetters,
  openDeliveries,
  openDynamo,
  openFiles,
  openLanes,
  openPayloads,
  openRecentRuns,
  openSender,
  openSharedCalls,
  openSteps,
  openStore,
  openText,
  openTurns,
  openUploads,
  openWatermarks,
  openWebhookQueue,
  openWebhooks,
  openWorkerSlots,
  readConfig,
  secrets,
} from './lambda.ts'
import { openAdmission, openRunningLimit } from './limits.ts'

/** Share of memory that is kept free: Lambda ends an environment that exceeds its memory, with all its tasks. */
const FREE_MEMORY_SHARE = 0.05

/** In the urgent lane, tasks of every type run. */
const maxAttemptMs = (lane: Lane): number =>
  Math.max(
    60_000,
    ...taskTypes
      .filter((type) => lane === 'urgent' || type.lane === lane)
      .map(({ limits }) => limits.timeoutMs),
  )

export function openWorker(): RunDependencies {
  const config = readConfig([
    ENV.tableName,
    ENV.lane,
    ENV.slots,
    ENV.modelRoutes,
    ENV.defaultModel,
    ENV.retentionDays,
    ENV.parameterPrefix,
    ENV.modelServers,
    ENV.httpsProxy,
    ENV.httpProxy,
    ENV.noProxy,
    ENV.mailFrom,
    ENV.cleanUpFunction,
    ENV.providerLimits,
  ])
  const queue = openSender()
  const lanes = openLanes()
  const keys = new ParameterKeys(config.PARAMETER_PREFIX, clock.now)
  const webhooks = openWebhooks()
  const webhookQueue = openWebhookQueue()
  const tell = async (task: Task, event: WebhookEvent) => {
    if (!mayHaveReceivers(task, event)) return
    await notifyWebhooks({ webhooks, webhookQueue, clock, ids, log }, task, event).catch((error) =>
      log('webhook.unsent', { tenant: task.tenant, task_id: task.id, ...causeFields(error) }),
    )
  }
  const wantsProgress = cachePerTenant(async (tenant) => {
    const { endpoints = [] } = (await webhooks.settings(tenant)) ?? {}
    return endpoints.some((endpoint) => endpoint.goneAt === undefined && includesEvent(endpoint, 'progress'))
  })
  return {
    lane: config.LANE,
    slots: config.SLOTS,
    workerSlots: openWorkerSlots(),
    maxAttemptMs: maxAttemptMs(config.LANE),
    acceptsWork: () => lanes.acceptsWork(config.LANE),
    store: openStore(),
    watermarks: openWatermarks(),
    queue,
    deliveries: openDeliveries(),
    followUps: openFollowUpSteps(openDeadLetters()),
    admission: openAdmission(),
    turns: openTurns(),
    sharedCalls: openSharedCalls(),
    runningLimit: openRunningLimit(queue),
    budget: readConfig([ENV.tenantLimits]).TENANT_LIMITS.budget,
    tellStarted: (task) => tell(task, 'started'),
    tellProgress: async (task) => {
      const isWanted =
        task.webhook?.events?.includes('progress') || (await wantsProgress(task.tenant).catch(() => false))
      if (isWanted) await tell(task, 'progress')
    },
    payloads: openPayloads(),
    steps: openSteps(),
    text: openText(),
    stepScope,
    heavyWork: openHeavyThread({ processMb: functionMemoryMb() * (1 - FREE_MEMORY_SHARE) }),
    files: openFiles(),
    uploads: openUploads(),
    mailer: new SesMailer(config.MAIL_FROM),
    upkeep: new LambdaUpkeep(config.CLEAN_UP_FUNCTION),
    providers: createModelProviders({
      routes: config.MODEL_ROUTES,
      servers: config.MODEL_SERVERS ?? {},
      readKey: (server) => keys.read(keyParameterOf(server)),
      proxy: {
        HTTPS_PROXY: config.HTTPS_PROXY,
        HTTP_PROXY: config.HTTP_PROXY,
        NO_PROXY: config.NO_PROXY,
      },
      secrets,
      clock,
    }),
    mask: secrets.mask,
    gate: new ProviderGate({ circuits: openCircuits(), clock, log }),
    limiter: new ProviderLimiter({
      rates: new DynamoProviderRates(openDynamo(), config.TABLE_NAME),
      ...config.PROVIDER_LIMITS,
      clock,
      log,
    }),
    findTaskType,
    labelOf: (model) => modelFamilyOf(model) ?? 'other',
    priceOf: costMicroUsd,
    defaultModel: config.DEFAULT_MODEL,
    retentionDays: config.RETENTION_DAYS,
    recentRuns: openRecentRuns(),
    runNotes: new RunNotes(clock.random()),
    lastWatermarkAt: new Map(),
    clock,
    ids,
    log: buildLog(),
    inTaskScope: openTaskConsole(secrets.maskAll),
  }
}

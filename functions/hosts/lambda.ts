/**
 * Composition root: the only file that chooses adapters. Clients are created once per execution environment, at cold
 * start, and only those that the function uses.
 */

import middy from '@middy/core'
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda'
import { scaleTiming, TIMING } from '../contract/timing.ts'
import { API_BASE, ENV, type Scope } from '../contract.ts'
import { waitForServices } from '../core/adapters/aws/call-limits.ts'
import { DynamoCircuitStore } from '../core/adapters/dynamodb/circuit-store.ts'
import { DynamoClaimWatermarks } from '../core/adapters/dynamodb/claim-watermarks.ts'
import { DynamoDueIndex } from '../core/adapters/dynamodb/due-index.ts'
import { DynamoExpiredRows } from '../core/adapters/dynamodb/expired-rows.ts'
import { DynamoHealthStore } from '../core/adapters/dynamodb/health-store.ts'
import { DynamoKeyTurns } from '../core/adapters/dynamodb/key-turns.ts'
import { DynamoLaneStore } from '../core/adapters/dynamodb/lane-store.ts'
import { DynamoLimitStore } from '../core/adapters/dynamodb/limit-store.ts'
import { DynamoRecentRuns } from '../core/adapters/dynamodb/recent-runs.ts'
import { DynamoScheduleStore } from '../core/adapters/dynamodb/schedule-store.ts'
import { DynamoSharedCalls } from '../core/adapters/dynamodb/shared-calls.ts'
import { DynamoStepStore } from '../core/adapters/dynamodb/step-store.ts'
import { createDynamoClient, DynamoTaskStore } from '../core/adapters/dynamodb/task-store.ts'
import { DynamoTenantMeter } from '../core/adapters/dynamodb/tenant-meter.ts'
import { DynamoTextStream } from '../core/adapters/dynamodb/text-stream.ts'
import { DynamoUploadStore } from '../core/adapters/dynamodb/upload-store.ts'
import { DynamoWaitPlaces } from '../core/adapters/dynamodb/wait-places.ts'
import { DynamoWebhookStore } from '../core/adapters/dynamodb/webhook-store.ts'
import { DynamoWorkerSlots } from '../core/adapters/dynamodb/worker-slots.ts'
import { DynamoWorkflowStore } from '../core/adapters/dynamodb/workflow-store.ts'
import { toProblem } from '../core/adapters/http/problem.ts'
import { S3FileStore } from '../core/adapters/s3/file-store.ts'
import { S3PayloadStore } from '../core/adapters/s3/payload-store.ts'
import { SqsDeadLetters } from '../core/adapters/sqs/dead-letters.ts'
import { createSqsClient } from '../core/adapters/sqs/lane-queues.ts'
import { SqsMessageDeliveries } from '../core/adapters/sqs/message-deliveries.ts'
import { SqsMessageSender } from '../core/adapters/sqs/message-sender.ts'
import { SqsQueueDepths } from '../core/adapters/sqs/queue-depths.ts'
import { SqsWakeQueue } from '../core/adapters/sqs/wake-queue.ts'
import { systemClock } from '../core/adapters/system/clock.ts'
import { createIds } from '../core/adapters/system/ids.ts'
import { createLog } from '../core/adapters/system/log.ts'
import { causeFields, RequestError, UnavailableError } from '../core/domain/errors.ts'
import { mayUse } from '../core/domain/principal.ts'
import { SecretValues } from '../core/domain/secret-values.ts'
import type { AuditLog } from '../core/ports/audit-log.ts'
import type { Log } from '../core/ports/log.ts'
import { openAudit, recordedRoute } from './audit.ts'
import { hasOwnServices, readConfig } from './config.ts'
import { corsHeaders } from './cors.ts'
import { type HttpAnswer, type HttpRequest, signerOf, toRequest } from './http.ts'
import { limitedRoute, openRequestLimit } from './requests.ts'

export { readConfig, systemClock }
export const clock = systemClock

/** The secrets that this environment has read, to hide them in every text. */
export const secrets = new SecretValues()

/** Created with the first line, so that route declarations can be loaded without a stage's environment. */
let written: Log | undefined
/** Code that wraps the console must call this first; otherwise the log's own lines would be wrapped as well. */
export function buildLog(): Log {
  written ??= createLog(readConfig([ENV.stage]).STAGE, secrets.maskAll)
  return written
}
export const log: Log = (event, fields) => buildLog()(event, fields)
export const ids = createIds(systemClock.now)
scaleTiming(readConfig([ENV.timingScale]).TIMING_SCALE)
// As long as the interval of two heartbeats, so that a late answer to one does not cost the lease.
if (hasOwnServices()) waitForServices(TIMING.heartbeatMs)

let dynamo: ReturnType<typeof createDynamoClient> | undefined
export const openDynamo = () => {
  dynamo ??= createDynamoClient()
  return dynamo
}

export const openStore = (): DynamoTaskStore =>
  new DynamoTaskStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME, systemClock.now, ids.token)

export const openDueIndex = (): DynamoDueIndex =>
  new DynamoDueIndex(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openExpiredRowStore = (): DynamoExpiredRows =>
  new DynamoExpiredRows(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME, systemClock.now)

export const openWatermarks = (): DynamoClaimWatermarks =>
  new DynamoClaimWatermarks(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openSteps = (): DynamoStepStore =>
  new DynamoStepStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openText = (): DynamoTextStream =>
  new DynamoTextStream(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openCircuits = (): DynamoCircuitStore =>
  new DynamoCircuitStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME, systemClock.now)

export const openHealth = (): DynamoHealthStore =>
  new DynamoHealthStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openLanes = (): DynamoLaneStore =>
  new DynamoLaneStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openRecentRuns = (): DynamoRecentRuns =>
  new DynamoRecentRuns(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openWorkerSlots = (): DynamoWorkerSlots =>
  new DynamoWorkerSlots(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openWaitPlaces = (): DynamoWaitPlaces => {
  const { TABLE_NAME, WAIT_PLACES } = readConfig([ENV.tableName, ENV.waitPlaces])
  return openPlaces('wait', TABLE_NAME, WAIT_PLACES)
}

export const openWatchPlaces = (): DynamoWaitPlaces => {
  const { TABLE_NAME, WATCH_PLACES } = readConfig([ENV.tableName, ENV.watchPlaces])
  return openPlaces('watch', TABLE_NAME, WATCH_PLACES)
}

const openPlaces = (kind: 'wait' | 'watch', table: string, places: number): DynamoWaitPlaces =>
  new DynamoWaitPlaces(openDynamo(), table, places, { kind, random: clock.random, token: ids.token })

const bucketSettings = () => {
  const { PAYLOAD_BUCKET, TENANT_KMS_ARNS } = readConfig([ENV.payloadBucket, ENV.tenantKmsArns])
  return [PAYLOAD_BUCKET, TENANT_KMS_ARNS] as const
}

let payloads: S3PayloadStore | undefined
export const openPayloads = (): S3PayloadStore => {
  payloads ??= new S3PayloadStore(...bucketSettings())
  return payloads
}

let files: S3FileStore | undefined
export const openFiles = (): S3FileStore => {
  files ??= new S3FileStore(...bucketSettings())
  return files
}

export const openUploads = (): DynamoUploadStore =>
  new DynamoUploadStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME, systemClock.now, ids.token)

let sqs: ReturnType<typeof createSqsClient> | undefined
const openSqs = () => {
  sqs ??= createSqsClient()
  return sqs
}

export const openWorkflows = (): DynamoWorkflowStore =>
  new DynamoWorkflowStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME, systemClock.now, ids.token)

export const openSchedules = (): DynamoScheduleStore =>
  new DynamoScheduleStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME, systemClock.now, ids.token)

export const openWorkflowQueue = (): SqsWakeQueue =>
  new SqsWakeQueue(openSqs(), readConfig([ENV.workflowQueueUrl]).WORKFLOW_QUEUE_URL, 'The workflow queue')

let meter: DynamoTenantMeter | undefined
export const openMeter = (): DynamoTenantMeter => {
  meter ??= new DynamoTenantMeter(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)
  return meter
}

export const openSharedCalls = (): DynamoSharedCalls =>
  new DynamoSharedCalls(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openTurns = (): DynamoKeyTurns =>
  new DynamoKeyTurns(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openLimitStore = (): DynamoLimitStore =>
  new DynamoLimitStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME)

export const openWebhooks = (): DynamoWebhookStore =>
  new DynamoWebhookStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME, systemClock.now, ids.token)

export const openWebhookQueue = (): SqsWakeQueue =>
  new SqsWakeQueue(openSqs(), readConfig([ENV.webhookQueueUrl]).WEBHOOK_QUEUE_URL, 'The webhook queue')

const laneQueues = () => ({ client: openSqs(), urls: readConfig([ENV.queueUrls]).QUEUE_URLS })

export const openSender = (): SqsMessageSender => new SqsMessageSender(laneQueues())

export const openDeliveries = (): SqsMessageDeliveries => new SqsMessageDeliveries(laneQueues())

export const openDepths = (): SqsQueueDepths => new SqsQueueDepths(laneQueues())

export const openDeadLetters = (): SqsDeadLetters =>
  new SqsDeadLetters({
    client: openSqs(),
    urls: readConfig([ENV.deadLetterQueueUrls]).DEAD_LETTER_QUEUE_URLS,
  })

export type { HttpRequest }
export type RouteHandler = (request: HttpRequest) => Promise<HttpAnswer>

/** The part of a route that a host needs; created by `functions/api/define-route.ts`. */
export interface ServedRoute {
  readonly method: string
  /** Below `API_BASE`. */
  readonly path: string
  readonly scope: Scope
  /** Not audited, because the created row names its creator. */
  readonly skipsAudit?: true | undefined
  /** Not counted by the host, because the submit counts it together with the task's place. */
  readonly skipsRequestCount?: true | undefined
  /** Creates the handler's dependencies. @throws Error at cold start when the environment lacks a setting. */
  readonly start: () => RouteHandler
}

/**
 * One Lambda handler for several routes.
 *
 * @param fallback answers requests that match no route.
 */
export function httpHandler(routes: readonly ServedRoute[], fallback?: RouteHandler) {
  const { CORS_ORIGINS } = readConfig([ENV.stage, ENV.corsOrigins])
  const handle = dispatch(routes, fallback)
  return middy<APIGatewayProxyEvent, APIGatewayProxyResult>({ timeoutEarlyResponse: tooLate })
    .use({
      onError: (request) => {
        request.response = reply(refusal(request.error, request.event), request.event, CORS_ORIGINS)
      },
    })
    .handler(async (event) => reply(await handle(event), event, CORS_ORIGINS))
}

/** Called shortly before the function's timeout, when something that it waits for has not answered. */
const tooLate = (): never => {
  throw new UnavailableError('This took too long. It may still take effect; the request may be sent again.')
}

/**
 * Finds the route of an event, and calls its handler.
 *
 * @throws RequestError without a route, or when the caller's key lacks its scope.
 */
export function dispatch(routes: readonly ServedRoute[], fallback?: RouteHandler) {
  const { AUTH, IAM_CALLERS } = readConfig([ENV.auth, ENV.iamCallers])
  const served = new Map(
    routes.map((route) => [
      `${route.method} ${API_BASE}${route.path}`,
      { scope: route.scope, answer: withLimit(route, withRecord(route, route.start())) },
    ]),
  )
  return async (event: APIGatewayProxyEvent): Promise<HttpAnswer> => {
    // HEAD gives the answer of GET without its body.
    const method = event.httpMethod === 'HEAD' ? 'GET' : event.httpMethod
    const route = served.get(`${method} ${event.resource}`)
    const handler = route?.answer ?? fallback
    if (!handler) throw new RequestError('not_found', `There is nothing at ${event.path}.`)
    const signer = AUTH === 'iam' ? signerOf(event, IAM_CALLERS) : undefined
    const request = signer ? toRequest(event, signer) : toRequest(event)
    const isUnknown =
      (AUTH === 'keys' && !event.requestContext.authorizer?.tenant) || (AUTH === 'iam' && !signer)
    if (route) checkScope(request, route.scope, isUnknown)
    return handler(request)
  }
}

let audit: AuditLog | undefined
export const openRecord = (): AuditLog => {
  audit ??= openAudit(openDynamo())
  return audit
}

/** Counts the requests of every route that needs a caller. */
export function withLimit(route: ServedRoute, handler: RouteHandler): RouteHandler {
  if (route.scope === 'open') return handler
  const count = (tenant: string) => openRequestLimit(openDynamo)(tenant)
  return limitedRoute(count, route.skipsRequestCount === true, handler)
}

/** Audits every route that changes something. */
export function withRecord(route: ServedRoute, handler: RouteHandler): RouteHandler {
  if (route.method === 'GET' || route.scope === 'open' || route.skipsAudit) return handler
  return (request) =>
    recordedRoute({ audit: openRecord(), log }, `${route.method} ${route.path}`, handler)(request)
}

/** The answer to a caller after a failure; bugs and outages are logged. */
export function refusal(
  error: unknown,
  { path, resource }: Pick<APIGatewayProxyEvent, 'path' | 'resource'>,
): HttpAnswer {
  const { problem, headers } = toProblem(error, path ?? '')
  if (problem.status >= 500)
    log('http.failed', {
      status: problem.status,
      path: resource,
      code: causeFields(error).code,
      cause: causeOf(error),
    })
  return { status: problem.status, headers, body: problem }
}

/**
 * Checked here and not by the authorizer's policy, because the gateway may reuse a cached policy for several routes.
 *
 * @param isUnknown the stage has an authorizer or a list of signers, and this request did not pass it.
 * @throws RequestError for a caller without the route's scope.
 */
function checkScope({ principal }: HttpRequest, scope: Scope, isUnknown: boolean): void {
  if (scope === 'open') return
  if (isUnknown)
    throw new RequestError('forbidden', 'A valid key, or a signature of a listed caller, is needed.')
  if (!mayUse(principal, scope))
    throw new RequestError(
      'forbidden',
      `This key lacks the scope "${scope}". It has: ${principal.scopes.join(', ') || 'none'}.`,
    )
}

export function reply(
  { status, headers, body, text }: HttpAnswer,
  event: APIGatewayProxyEvent,
  origins: readonly string[],
): APIGatewayProxyResult {
  const sent = Object.entries(event.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value])
  const answer = {
    statusCode: status,
    headers: {
      // An answer without a body has no content type.
      ...(status === 204 ? {} : { 'content-type': 'application/json; charset=utf-8' }),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': event.requestContext?.requestId ?? '',
      ...corsHeaders(origins, event.httpMethod, Object.fromEntries(sent)),
      ...headers,
    },
    body: event.httpMethod === 'HEAD' ? '' : (text ?? (body === undefined ? '' : JSON.stringify(body))),
  }
  return answer
}

/** The chain of causes without values: messages of SDK errors name operations, never bodies. */
function causeOf(error: unknown): string {
  const chain: string[] = []
  for (let cause = error; cause instanceof Error && chain.length < 5; cause = cause.cause)
    chain.push(
      `${cause.name}: ${cause.message.slice(0, 300)}${chain.length === 0 ? ` ${cause.stack?.split('\n')[1]?.trim() ?? ''}` : ''}`,
    )
  return chain.join(' ← ')
}

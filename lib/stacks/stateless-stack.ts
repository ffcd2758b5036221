import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import {
  API_BASE,
  type ApiFunction,
  ENV,
  type EnvName,
  LANES,
  type Lane as LaneName,
  OPEN_TENANT,
} from '../../functions/contract.ts'
import { apiUrl } from '../constructs/api-endpoint.ts'
import { Canary } from '../constructs/canary.ts'
import { Cleaner } from '../constructs/cleaner.ts'
import { FUNCTION_ACCESS } from '../constructs/function-access.ts'
import { grantAccess, parameterPrefix } from '../constructs/grant-access.ts'
import { Lane } from '../constructs/lane.ts'
import { queueUrls, Sweeper } from '../constructs/sweeper.ts'
import { STREAM_TIMEOUT_SECONDS, TaskApi } from '../constructs/task-api.ts'
import { TaskFunction } from '../constructs/task-function.ts'
import { WakeQueue } from '../constructs/wake-queue.ts'
import { SEND_TIMEOUT_SECONDS, WebhookSender } from '../constructs/webhooks.ts'
import { ADVANCE_TIMEOUT_SECONDS, WorkflowAdvancer } from '../constructs/workflows.ts'
import { commandName } from '../stages/command-name.ts'
import { modelRoutes } from '../stages/model-routes.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import type { StatefulStack } from './stateful-stack.ts'

export interface StatelessStackProps extends StackProps {
  readonly stage: StageSettings
  readonly stateful: StatefulStack
  readonly bundleRoot: string
  readonly version: string
}

type OpsBundle = 'ops-view' | 'ops-action'

/** Everything that can be deleted and created again without loss: the API, the lanes and the sweeper. */
export class StatelessStack extends Stack {
  readonly lanes: Readonly<Record<LaneName, Lane>>
  readonly functions: Readonly<Record<ApiFunction, TaskFunction>>
  readonly ops: Readonly<Record<OpsBundle, TaskFunction>>
  readonly sweeper: Sweeper
  readonly advancer: WorkflowAdvancer
  readonly sender: WebhookSender
  readonly cleaner: Cleaner
  readonly taskApi: TaskApi

  constructor(
    scope: Construct,
    id: string,
    { stage, stateful, bundleRoot, version, ...props }: StatelessStackProps,
  ) {
    super(scope, id, props)
    const { table, payloads, deadLetters } = stateful
    const { queue: workflows } = new WakeQueue(this, 'Workflows', {
      stage,
      source: 'workflows',
      timeoutSeconds: ADVANCE_TIMEOUT_SECONDS,
    })
    const { queue: webhooks } = new WakeQueue(this, 'Webhooks', {
      stage,
      source: 'webhooks',
      timeoutSeconds: SEND_TIMEOUT_SECONDS,
    })
    this.cleaner = new Cleaner(this, 'Cleaner', { stage, table, payloads, bundleRoot })
    this.lanes = Object.fromEntries(
      LANES.map((lane) => [
        lane,
        new Lane(this, `lane-${lane}`, {
          stage,
          lane,
          table,
          payloads,
          deadLetters: deadLetters[lane],
          workflows,
          webhooks,
          cleaner: this.cleaner,
          bundleRoot,
        }),
      ]),
    ) as Record<LaneName, Lane>
    const queues = Object.fromEntries(LANES.map((lane) => [lane, this.lanes[lane].queue])) as Record<
      LaneName,
      sqs.Queue
    >
    const values: Partial<Record<EnvName, string>> = {
      [ENV.stage]: stage.name,
      [ENV.tableName]: table.table.tableName,
      [ENV.payloadBucket]: payloads.bucket.bucketName,
      [ENV.queueUrls]: queueUrls(this, queues),
      [ENV.workflowQueueUrl]: workflows.queueUrl,
      [ENV.webhookQueueUrl]: webhooks.queueUrl,
      [ENV.deadLetterQueueUrls]: queueUrls(this, deadLetters),
      [ENV.eventSourceIds]: this.toJsonString(
        Object.fromEntries(LANES.map((lane) => [lane, this.lanes[lane].eventSourceId])),
      ),
      [ENV.modelRoutes]: JSON.stringify(modelRoutes(stage)),
      [ENV.defaultModel]: stage.models.defaultModel,
      [ENV.retentionDays]: String(stage.retentionDays),
      [ENV.serviceVersion]: version,
      [ENV.waitPlaces]: String(stage.api.waitPlaces),
      [ENV.watchPlaces]: String(stage.api.watchPlaces),
      [ENV.parameterPrefix]: parameterPrefix(stage),
      ...(stage.api.auth === 'key' ? {} : { [ENV.auth]: stage.api.auth }),
      ...(stage.api.iamCallers.length > 0 ? { [ENV.iamCallers]: JSON.stringify(stage.api.iamCallers) } : {}),
      ...(stage.api.usagePlan ? { [ENV.hasUsagePlan]: 'true' } : {}),
      ...(stage.auditDays === undefined ? {} : { [ENV.auditDays]: String(stage.auditDays) }),
      ...(stage.api.issuers.length > 0 ? { [ENV.tokenIssuers]: JSON.stringify(stage.api.issuers) } : {}),
      ...(stage.api.corsOrigins.length > 0
        ? { [ENV.corsOrigins]: JSON.stringify(stage.api.corsOrigins) }
        : {}),
    }
    const apiFunction = (
      functionId: string,
      bundle: ApiFunction | OpsBundle | 'authorizer',
      description: string,
      // API Gateway's timeout is 29 s, so a longer one only costs money.
      timeoutSeconds = 29,
    ): TaskFunction => {
      const target = new TaskFunction(this, functionId, {
        stage,
        bundle,
        bundleRoot,
        description,
        memoryMb: stage.api.memoryMb,
        timeoutSeconds,
        omitsReports: bundle === 'authorizer',
        environment: Object.fromEntries(
          [...FUNCTION_ACCESS[bundle].environment, ...(FUNCTION_ACCESS[bundle].optionalEnvironment ?? [])]
            .map((name) => [name, values[name]])
            .filter(([, value]) => value !== undefined),
        ),
      })
      const hasModels = false
      grantAccess(target, bundle, {
        stage,
        table,
        payloads,
        queues: Object.values(queues),
        deadLetters: Object.values(deadLetters),
        workflows,
        webhooks,
        eventSourceIds: Object.values(this.lanes).map(({ eventSourceId }) => eventSourceId),
        hasModels,
      })
      return target
    }
    this.functions = {
      'api-writes': apiFunction('Writes', 'api-writes', 'Accepts, cancels and retries tasks'),
      'api-reads': apiFunction('Reads', 'api-reads', 'Shows and lists tasks'),
      'api-events': apiFunction(
        'Events',
        'api-events',
        'Tells what happens to a task while it happens',
        STREAM_TIMEOUT_SECONDS,
      ),
      'api-operate': apiFunction(
        'Operate',
        'api-operate',
        'Shows queues, redrives, pauses and resumes lanes',
      ),
      'api-flows': apiFunction('Flows', 'api-flows', 'Starts and shows workflows and schedules'),
      'api-mcp': apiFunction('Mcp', 'api-mcp', 'Offers task types and operations to agents as tools'),
      'api-keys': apiFunction('Keys', 'api-keys', 'Makes, lists, rotates and revokes keys'),
      'api-data': apiFunction('Data', 'api-data', 'Shows who did what, and deletes what it is asked to'),
      'api-public': apiFunction('Public', 'api-public', 'Health, docs, task types, and what no route has'),
    }
    this.sweeper = new Sweeper(this, 'Sweeper', {
      stage,
      table,
      payloads,
      queues,
      deadLetters,
      workflows,
      webhooks,
      bundleRoot,
    })
    this.advancer = new WorkflowAdvancer(this, 'Advancer', {
      stage,
      table,
      payloads,
      queues,
      workflows,
      webhooks,
      bundleRoot,
    })
    this.sender = new WebhookSender(this, 'Webhook', { stage, table, payloads, webhooks, bundleRoot })
    this.taskApi = new TaskApi(this, 'TaskApi', {
      stage,
      functions: this.functions,
      ...(stage.api.auth === 'keys'
        ? { authorizer: apiFunction('Authorizer', 'authorizer', 'Says whose key a request has') }
        : {}),
    })
    values[ENV.defaultTenant] =
      stage.api.auth === 'key' ? (this.taskApi.key?.keyId ?? OPEN_TENANT) : OPEN_TENANT
    values[ENV.showsPrompts] = String(stage.observability.showsPrompts)
    const action = apiFunction(
      'OpsAction',
      'ops-action',
      'Retries, cancels, redrives and pauses from the dashboard',
    )
    values[ENV.opsActionArn] = action.live.functionArn
    this.ops = {
      'ops-action': action,
      'ops-view': apiFunction('OpsView', 'ops-view', 'Shows tasks and queues in the dashboard'),
    }
    if (stage.api.hasCanary)
      new Canary(this, 'Canary', { stage, api: this.taskApi.api, functions: this.functions })

    new CfnOutput(this, 'ApiUrl', {
      value: apiUrl(this.taskApi.api, stage.api, API_BASE),
      description: 'Base of every route',
    })
    if (stage.api.auth === 'keys')
      new CfnOutput(this, 'KeysFunction', {
        value: this.functions['api-keys'].live.functionArn,
        description: `Makes the first key, called by npm run admin-key -- ${commandName(stage.name)}`,
      })
    for (const lane of LANES) {
      const { queueArn } = this.lanes[lane].queue
      new CfnOutput(this, `${lane}QueueArn`, { value: queueArn, description: `Queue of lane ${lane}` })
    }
    if (this.taskApi.key) {
      const { keyId } = this.taskApi.key
      new CfnOutput(this, 'ApiKeyId', { value: keyId, description: 'Id of the first key of API Gateway' })
      new CfnOutput(this, 'ShowApiKey', {
        value: `aws apigateway get-api-key --include-value --query value --output text --api-key ${keyId}`,
        description: 'Command that shows the first key of API Gateway',
      })
    }
  }
}

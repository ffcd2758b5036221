import { Duration, RemovalPolicy, Size } from 'aws-cdk-lib'
import * as apigateway from 'aws-cdk-lib/aws-apigateway'
import * as iam from 'aws-cdk-lib/aws-iam'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import * as logs from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import routesFile from '../../functions/api/routes.gen.json' with { type: 'json' }
import { API_BASE, type ApiFunction, LIMITS, type Route } from '../../functions/contract.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { acknowledge } from './acknowledge.ts'
import { ApiEndpoint, endpointProps } from './api-endpoint.ts'
import { addGatewayProblems } from './gateway-problems.ts'
import type { TaskFunction } from './task-function.ts'

/** Generated from the files in `functions/api/routes`. */
export const ROUTES = routesFile as readonly Route[]

export interface TaskApiProps {
  readonly stage: StageSettings
  readonly functions: Readonly<Record<ApiFunction, TaskFunction>>
  /** Authenticates requests, on a stage with the product's keys. */
  readonly authorizer?: TaskFunction
}

/** The answer ends earlier by itself. */
export const STREAM_TIMEOUT_SECONDS = LIMITS.watchSeconds + 29

/** The gateway's own stage, which has a fixed name because the environment is a CDK stage. The API's version is in the path. */
const GATEWAY_STAGE = 'live'

/**
 * The HTTP API, built from the list of routes.
 *
 * Unknown methods of known paths, and all unknown paths, are answered by `api-public`, so that 404 and 405 have one format.
 * On a deployed stage everything needs a key or a signature, except the routes marked open.
 */
export class TaskApi extends Construct {
  readonly api: apigateway.RestApi
  readonly key: apigateway.ApiKey | undefined
  readonly #wantsGatewayKey: boolean
  readonly #hasPreflights: boolean
  #isSigned = false
  readonly #authorizer: apigateway.RequestAuthorizer | undefined
  readonly #functions: TaskApiProps['functions']
  readonly #docs: StageSettings['api']['docs']
  readonly #canStream: boolean

  constructor(scope: Construct, id: string, { stage, functions, authorizer }: TaskApiProps) {
    super(scope, id)
    this.#wantsGatewayKey = stage.api.usagePlan !== undefined || (!stage.isOpen && stage.api.auth === 'key')
    this.#hasPreflights = (!stage.isOpen || authorizer !== undefined) && stage.api.corsOrigins.length > 0
    this.#functions = functions
    this.#docs = stage.api.docs
    // LocalStack refuses methods with a streaming integration, and MiniStack answers them with a plain call.
    this.#canStream = stage.name !== 'emulated'
    const accessLog = new logs.LogGroup(this, 'AccessLog', {
      retention: stage.logs.retentionDays as logs.RetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    })
    this.api = new apigateway.RestApi(this, 'Api', {
      restApiName: `TaskRunner-${stage.name}`,
      description: `Async AI Task Runner, ${stage.name}`,
      ...endpointProps(this, stage.api),
      cloudWatchRole: false,
      // The script of the docs page is 1.7 MB of text, and 0.4 MB compressed.
      minCompressionSize: Size.kibibytes(8),
      deployOptions: {
        stageName: GATEWAY_STAGE,
        throttlingRateLimit: stage.api.requestsPerSecond,
        throttlingBurstLimit: stage.api.burst,
        // Metrics per method cost money and no graph or alarm reads them; those of the whole API are free.
        metricsEnabled: false,
        methodOptions: throttledDocs(stage.api.docs),
        accessLogDestination: new apigateway.LogGroupLogDestination(accessLog),
        accessLogFormat: ACCESS_LOG,
        ...(stage.observability.tracing === 'off' ? {} : { tracingEnabled: true }),
      },
    })
    this.#isSigned = stage.api.auth === 'iam'
    // No caching by the gateway: it needs one header that every caller sends, and keys are sent in either of two. The
    // function itself caches a key for half a minute.
    this.#authorizer =
      authorizer &&
      new apigateway.RequestAuthorizer(this, 'Authorizer', {
        handler: authorizer.live as IFunction,
        identitySources: [],
        resultsCacheTtl: Duration.seconds(0),
      })
    // The CDK writes an empty text, which counts as a source without a name; without caching none is needed.
    const authorization = this.#authorizer?.node.defaultChild as apigateway.CfnAuthorizer | undefined
    authorization?.addPropertyDeletionOverride('IdentitySource')
    // The id must not change: under another id CloudFormation would create the domain again while the old one has its name.
    new ApiEndpoint(this, 'Door', this.api, stage.api)
    if (stage.api.setsAccountLogRole) this.#setAccountLogRole()
    this.#addRoutes()
    addGatewayProblems(this.#child('Problems'), this.api as apigateway.IRestApi, stage.api)
    for (const [bundle, target] of Object.entries(functions))
      target.live.addPermission('Gateway', {
        principal: new iam.ServicePrincipal('apigateway.amazonaws.com'),
        sourceArn: this.api.arnForExecuteApi('*', '/*', GATEWAY_STAGE),
        scope: this.#child(bundle),
      })
    this.key = this.#wantsGatewayKey ? this.#addKey(stage) : undefined
    acknowledge(this, ACCEPTED)
    if (stage.isOpen && !authorizer) acknowledge(this, OPEN)
  }

  #child(id: string): Construct {
    return new Construct(this, id)
  }

  #addRoutes(): void {
    const openPaths = new Set<string>()
    const routed = new Set<string>()
    for (const route of ROUTES) {
      const isDocs = isDocsPath(route.path)
      if (isDocs && this.#docs === 'off') continue
      const resource = this.api.root.resourceForPath(`${API_BASE}${route.path}`)
      const isOpen = route.scope === 'open' && !(isDocs && this.#docs === 'key')
      if (isOpen) openPaths.add(resource.path)
      routed.add(resource.path)
      this.#addMethod(resource, route.method, route.function, isOpen, route.isStreamed)
      if (route.method === 'GET') this.#addMethod(resource, 'HEAD', route.function, isOpen, route.isStreamed)
    }
    this.api.root.addResource('{proxy+}')
    for (const resource of this.#resources()) {
      // A browser sends a preflight without the key, so this `ANY` method asks for none where preflights are on. An OPTIONS method
      // for each of the sixty paths would exceed the 500 resources of a stack with a canary. The price: callers without a key can
      // find out which methods a path has. The API document says that, too.
      const isAsked = this.#hasPreflights && routed.has(resource.path)
      this.#addMethod(resource, 'ANY', 'api-public', isAsked || openPaths.has(resource.path))
    }
  }

  #addMethod(
    resource: apigateway.IResource,
    method: string,
    bundle: ApiFunction,
    isOpen: boolean,
    isStreamed = false,
  ): void {
    // Not `LambdaIntegration`, which adds two permissions per method: thirty methods would exceed the 20 kB of a function's
    // policy.
    const { functionArn } = this.#functions[bundle].live
    const integration = new apigateway.AwsIntegration({
      proxy: true,
      service: 'lambda',
      // Streaming uses another operation of Lambda's API, with its own version in the path.
      ...(isStreamed && this.#canStream
        ? {
            path: `2021-11-15/functions/${functionArn}/response-streaming-invocations`,
            options: {
              responseTransferMode: apigateway.ResponseTransferMode.STREAM,
              timeout: Duration.seconds(STREAM_TIMEOUT_SECONDS),
            },
          }
        : { path: `2015-03-31/functions/${functionArn}/invocations` }),
    })
    resource.addMethod(method, integration, {
      apiKeyRequired: this.#wantsGatewayKey && !isOpen,
      ...(this.#authorizer && !isOpen
        ? { authorizationType: apigateway.AuthorizationType.CUSTOM, authorizer: this.#authorizer }
        : {}),
      ...(this.#isSigned && !isOpen ? { authorizationType: apigateway.AuthorizationType.IAM } : {}),
    })
  }

  #resources(): apigateway.IResource[] {
    const below = (parent: apigateway.IResource): apigateway.IResource[] => [
      parent,
      ...parent.node.children
        .filter((child) => apigateway.Resource.isResource(child) && 'addMethod' in child)
        .flatMap((child) => below(child as apigateway.Resource)),
    ]
    return below(this.api.root)
  }

  #addKey({ name, api }: StageSettings): apigateway.ApiKey {
    const key = new apigateway.ApiKey(this, 'Key', { description: `First key of TaskRunner-${name}` })
    const plan = this.api.addUsagePlan('Plan', {
      description: `Callers of TaskRunner-${name}`,
      throttle: { rateLimit: api.requestsPerSecond, burstLimit: api.burst },
      ...quotaOf(api),
      apiStages: [{ stage: this.api.deploymentStage }],
    })
    plan.addApiKey(key)
    return key
  }

  /** Kept when the stage is deleted, because other APIs of the account may use it by then. */
  #setAccountLogRole(): void {
    const policy = 'service-role/AmazonAPIGatewayPushToCloudWatchLogs'
    const role = new iam.Role(this, 'AccountLogRole', {
      assumedBy: new iam.ServicePrincipal('apigateway.amazonaws.com'),
      managedPolicies: [iam.ManagedPolicy.fromAwsManagedPolicyName(policy)],
      description: 'Lets API Gateway write logs, for the whole account and Region',
    })
    role.applyRemovalPolicy(RemovalPolicy.RETAIN)
    acknowledge(role, {
      [`AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${policy}]`]:
        'The role belongs to the account, not to this API; this is the policy AWS names for it.',
    })
    const account = new apigateway.CfnAccount(this, 'Account', { cloudWatchRoleArn: role.roleArn })
    account.applyRemovalPolicy(RemovalPolicy.RETAIN)
    this.api.deploymentStage.node.addDependency(account)
  }
}

function quotaOf({ usagePlan = {} }: StageSettings['api']): Pick<apigateway.UsagePlanProps, 'quota'> {
  const { requestsPerDay, requestsPerMonth } = usagePlan
  if (requestsPerDay) return { quota: { limit: requestsPerDay, period: apigateway.Period.DAY } }
  return requestsPerMonth ? { quota: { limit: requestsPerMonth, period: apigateway.Period.MONTH } } : {}
}

const isDocsPath = (path: string): boolean => path.startsWith('/docs') || path === '/openapi.json'

/** Limits the docs files, because they need no key: 500 requests per second would cost 280 USD an hour of transfer. */
function throttledDocs(
  docs: StageSettings['api']['docs'],
): Record<string, apigateway.MethodDeploymentOptions> {
  const paths = docs === 'off' ? [] : ROUTES.filter(({ path }) => isDocsPath(path))
  return Object.fromEntries(
    paths.map(({ method, path }) => [
      `${API_BASE}${path}/${method}`,
      { throttlingRateLimit: 5, throttlingBurstLimit: 20 },
    ]),
  )
}

/** Path templates, not the sent paths: ids are in the functions' own log lines. */
const ACCESS_LOG = apigateway.AccessLogFormat.custom(
  JSON.stringify({
    requestId: '$context.requestId',
    time: '$context.requestTime',
    method: '$context.httpMethod',
    resource: '$context.resourcePath',
    status: '$context.status',
    apiKeyId: '$context.identity.apiKeyId',
    // Id of the key. Refused and throttled requests reach no function, so this is their only log line.
    keyId: '$context.authorizer.principalId',
    sourceIp: '$context.identity.sourceIp',
    responseBytes: '$context.responseLength',
    latencyMs: '$context.responseLatency',
    integrationMs: '$context.integration.latency',
    error: '$context.error.responseType',
  }),
)

const ACCEPTED = {
  'AwsSolutions-APIG2':
    'Bodies are checked by the task type’s own schema in the function, with an error per field.',
  'AwsSolutions-APIG3':
    'A web ACL is $5 a month and more per stage; the stage throttle and the key come first.',
  'AwsSolutions-APIG4': 'Closed by the stage’s `auth` on every route but health and docs.',
  'AwsSolutions-APIG6':
    'Execution logs would repeat the access log and the functions’ own, and can hold bodies.',
  'Serverless-APIGWXrayEnabled': 'A task id leads through every log line; no function carries a tracer.',
  'AwsSolutions-COG4': 'Callers are programs with an API key, not people of a user pool.',
}
const OPEN = { 'AwsSolutions-APIG4': 'Runs on loopback only.' }

/**
 * Every resource type and property that the local runtime supports. Anything else is an error, because a template that runs
 * here must not behave differently in the cloud.
 *
 * Properties under `runs` have an effect on this machine. Those under `cloudOnly` only matter on AWS:
 * permissions, encryption, logs and metrics of the services themselves, names and descriptions.
 */
interface ResourceSupport {
  readonly runs?: readonly string[]
  readonly cloudOnly?: readonly string[]
  /** This type has no effect here, whatever its properties are. */
  readonly isCloudOnly?: true
}

export const KNOWN_RESOURCES: Readonly<Record<string, ResourceSupport>> = {
  'AWS::DynamoDB::GlobalTable': {
    runs: ['AttributeDefinitions', 'GlobalSecondaryIndexes', 'KeySchema', 'TimeToLiveSpecification'],
    // Replicas: only that of the table's own Region, with protection and tags.
    cloudOnly: ['BillingMode', 'Replicas', 'SSESpecification', 'TableName', 'WarmThroughput'],
  },
  'AWS::S3::Bucket': {
    runs: ['LifecycleConfiguration'],
    cloudOnly: [
      'BucketEncryption',
      'CorsConfiguration',
      'OwnershipControls',
      'PublicAccessBlockConfiguration',
      'Tags',
    ],
  },
  'AWS::S3::BucketPolicy': { isCloudOnly: true },
  'AWS::SQS::Queue': {
    runs: ['QueueName', 'MessageRetentionPeriod', 'RedrivePolicy', 'RedriveAllowPolicy', 'VisibilityTimeout'],
    cloudOnly: ['SqsManagedSseEnabled', 'Tags'],
  },
  'AWS::SQS::QueuePolicy': { isCloudOnly: true },
  'AWS::IAM::Role': { isCloudOnly: true },
  'AWS::IAM::Policy': { isCloudOnly: true },
  'AWS::Logs::LogGroup': { isCloudOnly: true },
  'AWS::Lambda::Function': {
    runs: ['Code', 'Environment', 'Handler', 'MemorySize', 'Runtime', 'Timeout'],
    cloudOnly: [
      'Architectures',
      'Description',
      'FunctionName',
      'LoggingConfig',
      'RecursiveLoop',
      'Role',
      'Tags',
    ],
  },
  'AWS::Lambda::Version': { runs: ['FunctionName'], cloudOnly: ['Description'] },
  'AWS::Lambda::Alias': { runs: ['FunctionName', 'FunctionVersion', 'Name'] },
  'AWS::Lambda::Permission': { isCloudOnly: true },
  // Only timers invoke asynchronously here, and they do not retry.
  'AWS::Lambda::EventInvokeConfig': { isCloudOnly: true },
  'AWS::Lambda::EventSourceMapping': {
    runs: [
      'BatchSize',
      'Enabled',
      'EventSourceArn',
      'FunctionName',
      'FunctionResponseTypes',
      'MaximumBatchingWindowInSeconds',
      'ScalingConfig',
    ],
    cloudOnly: ['MetricsConfig', 'Tags'],
  },
  'AWS::Scheduler::Schedule': {
    runs: ['FlexibleTimeWindow', 'ScheduleExpression', 'ScheduleExpressionTimezone', 'State', 'Target'],
    cloudOnly: ['Description', 'Name'],
  },
  'AWS::ApiGateway::RestApi': {
    runs: ['BinaryMediaTypes'],
    // MinimumCompressionSize: transfer on one machine is free.
    cloudOnly: ['Description', 'EndpointConfiguration', 'MinimumCompressionSize', 'Name', 'Tags'],
  },
  'AWS::ApiGateway::Resource': { runs: ['ParentId', 'PathPart', 'RestApiId'] },
  'AWS::ApiGateway::Method': {
    runs: [
      'ApiKeyRequired',
      'AuthorizationType',
      'AuthorizerId',
      'HttpMethod',
      'Integration',
      'ResourceId',
      'RestApiId',
    ],
  },
  'AWS::ApiGateway::Authorizer': {
    runs: ['AuthorizerResultTtlInSeconds', 'AuthorizerUri', 'IdentitySource', 'RestApiId', 'Type'],
    cloudOnly: ['Name'],
  },
  'AWS::ApiGateway::GatewayResponse': {
    runs: ['ResponseParameters', 'ResponseTemplates', 'ResponseType', 'RestApiId', 'StatusCode'],
  },
  'AWS::ApiGateway::Deployment': { isCloudOnly: true },
  'AWS::ApiGateway::Stage': {
    runs: ['StageName'],
    // MethodSettings: throttling of a whole stage, whose limits a laptop does not reach.
    cloudOnly: ['AccessLogSetting', 'DeploymentId', 'MethodSettings', 'RestApiId', 'Tags'],
  },
  // The console draws and evaluates them from the same definitions.
  'AWS::CloudWatch::Dashboard': { runs: ['DashboardBody', 'DashboardName'], cloudOnly: ['Tags'] },
  'AWS::CloudWatch::Alarm': {
    runs: [
      'AlarmDescription',
      'AlarmName',
      'ComparisonOperator',
      'DatapointsToAlarm',
      'Dimensions',
      'EvaluationPeriods',
      'ExtendedStatistic',
      'MetricName',
      'Metrics',
      'Namespace',
      'Period',
      'Statistic',
      'Threshold',
      'TreatMissingData',
    ],
    cloudOnly: ['AlarmActions', 'OKActions', 'Tags'],
  },
  'AWS::CloudWatch::CompositeAlarm': {
    runs: ['AlarmDescription', 'AlarmName', 'AlarmRule'],
    cloudOnly: ['AlarmActions', 'OKActions', 'Tags'],
  },
  'AWS::SNS::Topic': { isCloudOnly: true },
  'AWS::SNS::TopicPolicy': { isCloudOnly: true },
  'AWS::Logs::QueryDefinition': { isCloudOnly: true },
  'AWS::CDK::Metadata': { isCloudOnly: true },
}

/** @throws Error that names stack, resource, type and property. */
export function checkKnown(
  stackName: string,
  logicalId: string,
  { Type, Properties = {} }: { Type: string; Properties?: Readonly<Record<string, unknown>> },
): void {
  const place = `${stackName}: ${logicalId}`
  const known = KNOWN_RESOURCES[Type]
  if (!known)
    throw new Error(
      `${place} is a ${Type}, which the local runtime does not know. Teach it in lib/local/emulator/template/known-resources.ts, or leave it out of stage "local".`,
    )
  if (known.isCloudOnly) return
  const names = [...(known.runs ?? []), ...(known.cloudOnly ?? [])]
  for (const name of Object.keys(Properties))
    if (!names.includes(name))
      throw new Error(
        `${place} (${Type}) sets ${name}, which the local runtime does not know. Teach it in lib/local/emulator/template/known-resources.ts, or leave it out of stage "local".`,
      )
}

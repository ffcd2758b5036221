import type { TemplateResource } from './assembly.ts'
import type { PseudoParameters } from './intrinsics.ts'

export interface PlanOptions extends PseudoParameters {
  /** `http://127.0.0.1:port` of the embedded SQS: queue URLs start with it. */
  readonly sqsEndpoint: string
}

/** Names, ARNs and URLs that a deployment would generate; here derived from stack and logical id, so that state survives a restart. */
export class Naming {
  readonly place: PseudoParameters
  readonly #sqsEndpoint: string

  constructor({ sqsEndpoint, region, accountId }: PlanOptions) {
    this.place = { region, accountId }
    this.#sqsEndpoint = sqsEndpoint
  }

  arn(service: string, resource: string): string {
    const isGlobal = service === 's3'
    return `arn:aws:${service}:${isGlobal ? '' : this.place.region}:${isGlobal ? '' : this.place.accountId}:${resource}`
  }

  physicalName(stack: string, id: string, { Type, Properties = {} }: TemplateResource): string {
    if (Type === 'AWS::SQS::Queue' && typeof Properties.QueueName === 'string') return Properties.QueueName
    if (Type.startsWith('AWS::CloudWatch::') && typeof Properties.AlarmName === 'string')
      return Properties.AlarmName
    const name = `${stack}-${id}`
    return Type === 'AWS::S3::Bucket' ? name.toLowerCase().slice(-63) : name
  }

  ref(stack: string, id: string, resource: TemplateResource): unknown {
    const name = this.physicalName(stack, id, resource)
    switch (resource.Type) {
      case 'AWS::SQS::Queue':
        return this.queueUrl(name)
      case 'AWS::Lambda::Version':
        return `${this.functionArnOf(stack, resource)}:1`
      case 'AWS::Lambda::Alias':
        return `${this.functionArnOf(stack, resource)}:${resource.Properties?.Name}`
      // Queue names must be known before the queues exist, because both stacks name the other's. Other names are only passed on.
      default:
        return name
    }
  }

  attribute(stack: string, id: string, resource: TemplateResource, attribute: string): unknown {
    const name = this.physicalName(stack, id, resource)
    const { Type } = resource
    if (attribute === 'Arn') {
      if (Type === 'AWS::SQS::Queue') return this.arn('sqs', name)
      if (Type === 'AWS::DynamoDB::GlobalTable') return this.arn('dynamodb', `table/${name}`)
      if (Type === 'AWS::S3::Bucket') return this.arn('s3', name)
      if (Type === 'AWS::Lambda::Function') return this.functionArn(name)
      if (Type.startsWith('AWS::CloudWatch::')) return this.arn('cloudwatch', `alarm:${name}`)
      if (Type === 'AWS::IAM::Role') return this.arn('iam', `role/${name}`)
      if (Type === 'AWS::Logs::LogGroup') return this.arn('logs', `log-group:${name}:*`)
    }
    if (Type === 'AWS::SQS::Queue' && attribute === 'QueueName') return name
    if (Type === 'AWS::Lambda::Version' && attribute === 'Version') return '1'
    if (Type === 'AWS::ApiGateway::RestApi' && attribute === 'RootResourceId') return `${name}/root`
    throw new Error(
      `Fn::GetAtt ${id}.${attribute} is not known to the local runtime (lib/local/emulator/template/plan.ts)`,
    )
  }

  queueUrl = (name: string): string => `${this.#sqsEndpoint}/${this.place.accountId}/${name}`
  functionArn = (name: string): string => this.arn('lambda', `function:${name}`)

  functionArnOf(stack: string, { Properties = {} }: TemplateResource): string {
    const target =
      (Properties.FunctionName as { Ref?: string } | undefined)?.Ref ?? String(Properties.FunctionName)
    return this.functionArn(`${stack}-${target}`)
  }
}

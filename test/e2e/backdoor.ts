import { APIGatewayClient, GetApiKeyCommand } from '@aws-sdk/client-api-gateway'
import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  type StackResource,
} from '@aws-sdk/client-cloudformation'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs'
import type { Lane } from '../../functions/contract.ts'
import { makeJobKey } from '../../lib/deploy/admin-key.ts'

/** Actions of an operator or a timer, which the scenarios make without the API. */
export interface Backdoor {
  /** One sweep, as the timer would start it. */
  sweep(): Promise<void>
  /** Purges a lane's queue. */
  purge(lane: Lane): Promise<void>
  /** Sends a raw message into a lane. */
  send(lane: Lane, message: DeadLetter): Promise<void>
  /** Receives one message that contains the text from a lane's dead-letter queue, and deletes it there. */
  takeDead(lane: Lane, text: string): Promise<DeadLetter | undefined>
  /** SQS's own redrive of a lane's dead letters to the lane's queue, as the runbook's command line asks for it. */
  moveDead(lane: Lane): Promise<void>
}

/** A message without its receipt handle. */
export type DeadLetter = Pick<Message, 'Body' | 'MessageAttributes'>

export interface QueueNames {
  readonly queue: (lane: Lane) => Promise<string>
  readonly deadLetters: (lane: Lane) => Promise<string>
}

/** The actions that need only SQS; the same on every cloud. */
export function queueDoor(sqs: SQSClient, urls: QueueNames): Omit<Backdoor, 'sweep'> {
  const wanted = { WaitTimeSeconds: 1, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }
  const arnOf = async (QueueUrl: string): Promise<string | undefined> => {
    const asked = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] })
    return (await sqs.send(asked)).Attributes?.QueueArn
  }
  return {
    moveDead: async (lane) => {
      const [SourceArn, DestinationArn] = await Promise.all(
        [await urls.deadLetters(lane), await urls.queue(lane)].map(arnOf),
      )
      await sqs.send(new StartMessageMoveTaskCommand({ SourceArn, DestinationArn }))
    },
    purge: async (lane) => {
      await sqs.send(new PurgeQueueCommand({ QueueUrl: await urls.queue(lane) }))
    },
    send: async (lane, { Body, MessageAttributes }) => {
      const QueueUrl = await urls.queue(lane)
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: Body, MessageAttributes }))
    },
    takeDead: async (lane, text) => {
      const QueueUrl = await urls.deadLetters(lane)
      // Other dead letters stay invisible for the two seconds that it takes to read through the queue.
      const command = new ReceiveMessageCommand({ ...wanted, QueueUrl, VisibilityTimeout: 2 })
      for (const end = Date.now() + 20_000; Date.now() < end; ) {
        const { Messages = [] } = await sqs.send(command)
        const found = Messages.find(({ Body }) => Body?.includes(text))
        if (!found) continue
        await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: found.ReceiptHandle }))
        return { Body: found.Body, MessageAttributes: found.MessageAttributes }
      }
      return undefined
    },
  }
}

export interface Deployed {
  /** The API's base URL, as this machine reaches it. */
  readonly url: string
  readonly key: string
  readonly backdoor: Backdoor
}

export interface Place {
  readonly stage: string
  /** The endpoint of an emulator. Without it the real cloud is used, with the Region and credentials of the shell. */
  readonly endpoint?: string
}

/** Settings of an AWS client, for AWS or for an emulator that accepts any credentials. */
export const clientOptions = (endpoint: string | undefined) =>
  endpoint
    ? { endpoint, region: 'eu-central-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
    : {}

/** Finds a deployed stage through CloudFormation: address, first key, queues and the sweeper. */
export async function findDeployed({ stage, endpoint }: Place): Promise<Deployed> {
  const options = clientOptions(endpoint)
  const cloudformation = new CloudFormationClient(options)
  const resourcesOf = async (stack: string): Promise<readonly StackResource[]> => {
    const StackName = `TaskRunner-${stage}-${stack}`
    return (await cloudformation.send(new DescribeStackResourcesCommand({ StackName }))).StackResources ?? []
  }
  const outputs = await cloudformation.send(
    new DescribeStacksCommand({ StackName: `TaskRunner-${stage}-stateless` }),
  )
  const [stateful, stateless] = await Promise.all([resourcesOf('stateful'), resourcesOf('stateless')])
  const physical = (resources: readonly StackResource[], type: string, logical: RegExp): string => {
    const found = resources.find(
      ({ ResourceType, LogicalResourceId }) => ResourceType === type && logical.test(LogicalResourceId ?? ''),
    )
    if (!found?.PhysicalResourceId)
      throw new Error(`Stage "${stage}" has no ${type} named like ${logical.source}. Is it deployed?`)
    return found.PhysicalResourceId
  }
  const apiId = physical(stateless, 'AWS::ApiGateway::RestApi', /^TaskApi/)
  const outputOf = (name: string): string =>
    outputs.Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey === name)?.OutputValue ?? ''
  const apiUrl = outputOf('ApiUrl')
  const gatewayKey = async (): Promise<string> => {
    const apiKey = physical(stateless, 'AWS::ApiGateway::ApiKey', /^TaskApi/)
    const client = new APIGatewayClient(options)
    return (await client.send(new GetApiKeyCommand({ apiKey, includeValue: true }))).value ?? ''
  }
  const sqs = new SQSClient({ ...options, useQueueUrlAsEndpoint: endpoint === undefined })
  const lambda = new LambdaClient(options)
  const isOurs = !stateless.some(({ ResourceType }) => ResourceType === 'AWS::ApiGateway::ApiKey')
  const key = isOurs ? await ourKey(lambda, outputOf('KeysFunction')) : await gatewayKey()
  // An emulator may give a queue's name where AWS gives its URL.
  const urlOf = async (id: string) =>
    id.startsWith('http') ? id : ((await sqs.send(new GetQueueUrlCommand({ QueueName: id }))).QueueUrl ?? id)
  const queue = (resources: readonly StackResource[], prefix: string) => (lane: Lane) =>
    urlOf(physical(resources, 'AWS::SQS::Queue', new RegExp(`^${prefix}${lane}Queue`)))
  return {
    // The host in an emulator's output does not resolve; the path form works on all of them.
    url: endpoint ? `${endpoint}/_aws/execute-api/${apiId}/live` : apiUrl.replace(/\/api\/v1\/?$/, ''),
    key,
    backdoor: {
      ...queueDoor(sqs, { queue: queue(stateless, 'lane'), deadLetters: queue(stateful, 'deadletters') }),
      sweep: async () => {
        const FunctionName = physical(stateless, 'AWS::Lambda::Function', /^SweeperSweep/)
        const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: '{}' }))
        if (answer.FunctionError)
          throw new Error(`The sweep failed: ${Buffer.from(answer.Payload ?? []).toString('utf8')}`)
      },
    },
  }
}

/** A key that is valid for a day, made as a deployment makes its key. */
async function ourKey(lambda: LambdaClient, FunctionName: string): Promise<string> {
  const { key } = await makeJobKey(async (event) => {
    const { Payload } = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }))
    return JSON.parse(Buffer.from(Payload ?? []).toString('utf8'))
  }, 'End-to-end suite')
  return key
}

import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import type { Credentials } from './credentials.ts'
import type { Clients } from './services/provision.ts'
import type { Endpoints } from './services/start-services.ts'

/** The runtime's own clients of the embedded services; the stack closes their connections. */
export function openClients(
  { dynamodb, sqs, s3 }: Endpoints,
  credentials: Credentials,
  region: string,
  stack: AsyncDisposableStack,
): Clients {
  const common = { region, credentials }
  const clients = {
    dynamo: new DynamoDBClient({ ...common, endpoint: dynamodb }),
    // A long poll holds its connection for 20 s, one per lane. The default of 50 connections is enough; the default timeout is not.
    sqs: new SQSClient({ ...common, endpoint: sqs }),
    s3: new S3Client({ ...common, endpoint: s3, forcePathStyle: true }),
  }
  for (const client of Object.values(clients)) stack.defer(() => client.destroy())
  return clients
}

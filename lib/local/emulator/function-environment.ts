import type { Credentials } from './credentials.ts'
import type { Endpoints } from './services/start-services.ts'

type Variables = Readonly<Record<string, string | undefined>>

/**
 * The variables that Lambda sets for every function, and the SDK's variables for other endpoints.
 *
 * @param env of the user: may contain credentials of an account, which Bedrock needs.
 */
export function functionEnvironment(
  { dynamodb, sqs, s3, ssm, lambda, ses }: Endpoints,
  credentials: Credentials,
  region: string,
  env: Variables,
): Record<string, string> {
  const own = env.AWS_ACCESS_KEY_ID && env.AWS_SECRET_ACCESS_KEY ? env : undefined
  return {
    AWS_REGION: env.AWS_REGION ?? region,
    // The embedded services accept credentials of this run and of the account; Bedrock only those of an account.
    AWS_ACCESS_KEY_ID: own?.AWS_ACCESS_KEY_ID ?? credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: own?.AWS_SECRET_ACCESS_KEY ?? credentials.secretAccessKey,
    ...(own?.AWS_SESSION_TOKEN ? { AWS_SESSION_TOKEN: own.AWS_SESSION_TOKEN } : {}),
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
    AWS_ENDPOINT_URL_SQS: sqs,
    AWS_ENDPOINT_URL_S3: s3,
    AWS_ENDPOINT_URL_SSM: ssm,
    AWS_ENDPOINT_URL_LAMBDA: lambda,
    AWS_ENDPOINT_URL_SESV2: ses,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    TZ: ':UTC',
    NODE_OPTIONS: '',
  }
}

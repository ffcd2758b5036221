import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { Key } from 'aws-cdk-lib/aws-kms'
import * as s3 from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import { PAYLOAD_PREFIX } from '../../functions/contract.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { acknowledge } from './acknowledge.ts'

/**
 * Inputs and results too large for a row.
 *
 * Each object is written once and never replaced, so there are no versions to keep; it expires some days after the
 * row that points at it. Emptying it before a destroy is left to whoever destroys: the CDK's automatic emptying
 * brings a function with rights to delete everything.
 */
export class PayloadBucket extends Construct {
  readonly bucket: s3.Bucket

  constructor(
    scope: Construct,
    id: string,
    {
      protection,
      payloadExpiryDays,
      dataKmsArn,
      api,
    }: Pick<StageSettings, 'protection' | 'payloadExpiryDays' | 'dataKmsArn' | 'api'>,
  ) {
    super(scope, id)
    this.bucket = new s3.Bucket(this, 'Bucket', {
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      ...(dataKmsArn
        ? {
            encryption: s3.BucketEncryption.KMS,
            encryptionKey: Key.fromKeyArn(this, 'Key', dataKmsArn),
            // One data key for many objects: without it each costs a call of KMS.
            bucketKeyEnabled: true,
          }
        : { encryption: s3.BucketEncryption.S3_MANAGED }),
      enforceSSL: true,
      ...corsOf(api.corsOrigins),
      lifecycleRules: [
        {
          prefix: PAYLOAD_PREFIX,
          expiration: Duration.days(payloadExpiryDays),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
      removalPolicy: protection.isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    acknowledge(this, {
      'AwsSolutions-S1':
        'Only our own functions reach it, each with its own role; access logs would need a second bucket to say so.',
    })
  }

  /** The only objects that anything may be granted. */
  get payloadArn(): string {
    return this.bucket.arnForObjects(`${PAYLOAD_PREFIX}*`)
  }

  /** `payloadArn` as another stack of this stage sees it, in the spelling of the security rules. */
  payloadArnIn(reader: Construct): string {
    const seen = Stack.of(reader).resolve(Stack.of(this).exportValue(this.bucket.bucketArn))
    return `${seen['Fn::ImportValue']}/${PAYLOAD_PREFIX}*`
  }
}

/**
 * A page that may call the API uploads to the bucket itself, by a link of the API, and reads files by one. A browser asks the
 * bucket first, which lets nobody in until it is told whom. The link is the right; this is about who may use it from a page.
 */
function corsOf(corsOrigins: readonly string[]): Pick<s3.BucketProps, 'cors'> {
  if (corsOrigins.length === 0) return {}
  return {
    cors: [
      {
        allowedOrigins: [...corsOrigins],
        allowedMethods: [s3.HttpMethods.GET, s3.HttpMethods.HEAD, s3.HttpMethods.PUT],
        // What counts is signed into the link; what a page's library adds beside it changes nothing.
        allowedHeaders: ['*'],
        exposedHeaders: ['Content-Disposition', 'Content-Length', 'Content-Range', 'ETag'],
        maxAge: 3_000,
      },
    ],
  }
}

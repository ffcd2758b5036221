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
 * Each object is written once and never replaced, so there are no versions to keep; it expires some days after its row. It
 * must be emptied before a destroy: the CDK's automatic emptying would add a function with permissions to delete
 * everything.
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
            // One data key for many objects, so that not each of them costs a KMS call.
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

  /** The only objects on which permissions are granted. */
  get payloadArn(): string {
    return this.bucket.arnForObjects(`${PAYLOAD_PREFIX}*`)
  }

  /** `payloadArn` for another stack of this stage, in the format of the security rules. */
  payloadArnIn(reader: Construct): string {
    const seen = Stack.of(reader).resolve(Stack.of(this).exportValue(this.bucket.bucketArn))
    return `${seen['Fn::ImportValue']}/${PAYLOAD_PREFIX}*`
  }
}

/**
 * A web page that may call the API uploads to the bucket directly and reads files from it, by URLs of the API. The browser
 * first asks the bucket whether the page's origin is allowed. The signed URL is the permission; CORS only names the pages.
 */
function corsOf(corsOrigins: readonly string[]): Pick<s3.BucketProps, 'cors'> {
  if (corsOrigins.length === 0) return {}
  return {
    cors: [
      {
        allowedOrigins: [...corsOrigins],
        allowedMethods: [s3.HttpMethods.GET, s3.HttpMethods.HEAD, s3.HttpMethods.PUT],
        // Everything that matters is signed into the URL; further headers of a page's library have no effect.
        allowedHeaders: ['*'],
        exposedHeaders: ['Content-Disposition', 'Content-Length', 'Content-Range', 'ETag'],
        maxAge: 3_000,
      },
    ],
  }
}

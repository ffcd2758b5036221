/** Tenant → ARN of the KMS key that what it puts in and gets out is encrypted with. */
export type TenantKeys = Readonly<Record<string, string>>

/** Fields of a put; none for a tenant without a key of its own, whose objects are under the bucket's. */
export function encryptedBy(keys: TenantKeys, tenant: string) {
  const arn = Object.hasOwn(keys, tenant) ? keys[tenant] : undefined
  return arn === undefined
    ? undefined
    : // One data key for many objects: without it each costs a call of KMS.
      ({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: arn, BucketKeyEnabled: true } as const)
}

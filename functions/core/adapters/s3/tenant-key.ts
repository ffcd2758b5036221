/** Tenant → ARN of the KMS key that encrypts its objects. */
export type TenantKeys = Readonly<Record<string, string>>

/** Encryption fields of a put; none for a tenant without its own key, whose objects use the bucket's key. */
export function encryptedBy(keys: TenantKeys, tenant: string) {
  const arn = Object.hasOwn(keys, tenant) ? keys[tenant] : undefined
  return arn === undefined
    ? undefined
    : // One data key for many objects, so that not each of them costs a KMS call.
      ({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: arn, BucketKeyEnabled: true } as const)
}

import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation'
import { DeleteObjectsCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3'

/**
 * Deletes every object in every bucket of a stack: CloudFormation refuses to delete a bucket that is not empty.
 *
 * @returns the number of deleted objects; 0 also when the stack does not exist.
 * @throws Error with its key when an object cannot be deleted.
 */
export async function emptyBuckets(stackName: string): Promise<number> {
  const s3 = new S3Client({})
  let deleted = 0
  for (const bucket of await bucketsOf(stackName))
    for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, { Bucket: bucket })) {
      if (Contents.length === 0) continue
      const { Errors: [refused] = [] } = await s3.send(
        new DeleteObjectsCommand({
          Bucket: bucket,
          Delete: { Quiet: true, Objects: Contents.map(({ Key }) => ({ Key })) },
        }),
      )
      if (refused) throw new Error(`Object "${refused.Key}" of bucket ${bucket} stays: ${refused.Message}`)
      deleted += Contents.length
    }
  return deleted
}

async function bucketsOf(stackName: string): Promise<readonly string[]> {
  const answer = await new CloudFormationClient({})
    .send(new DescribeStackResourcesCommand({ StackName: stackName }))
    .catch((cause: Error) => {
      if (cause.name === 'ValidationError' && cause.message.includes('does not exist')) return undefined
      throw cause
    })
  return (answer?.StackResources ?? []).flatMap(
    ({ ResourceType, ResourceStatus, PhysicalResourceId: name }) =>
      ResourceType === 'AWS::S3::Bucket' && ResourceStatus !== 'DELETE_COMPLETE' && name ? [name] : [],
  )
}

import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import type { StageSettings } from '../stages/stage-schema.ts'

/** Outputs of a deployed stage's stateless stack. @throws Error when it does not exist. */
export async function outputsOf({ name, region }: StageSettings): Promise<Readonly<Record<string, string>>> {
  const client = new CloudFormationClient(region ? { region } : {})
  const { Stacks = [] } = await client.send(
    new DescribeStacksCommand({ StackName: `TaskRunner-${name}-stateless` }),
  )
  client.destroy()
  return Object.fromEntries(
    (Stacks[0]?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
  )
}

/**
 * `npm run restore -- <stage> --at 2026-11-25T12:00:00Z [--without TENANT] [--keep]`: restores lost rows from
 * the table's point-in-time recovery.
 */
import { parseArgs } from 'node:util'
import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { restoreTable } from '../lib/deploy/restore-table.ts'
import { loadStage } from '../lib/stages/load-stage.ts'

async function run(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      at: { type: 'string', default: '' },
      without: { type: 'string', multiple: true, default: [] },
      keep: { type: 'boolean', default: false },
    },
  })
  const at = new Date(values.at)
  const [name = '', ...more] = positionals
  if (name === '' || more.length > 0 || Number.isNaN(at.getTime()))
    throw new Error('Which stage, as of when? npm run restore -- prod --at 2026-11-25T12:00:00Z')
  if (at.getTime() > Date.now()) throw new Error(`--at ${values.at} is yet to come.`)
  const { name: stage, region, protection } = loadStage(name)
  if (!protection.hasPointInTimeRecovery)
    throw new Error(
      `Stage "${stage}" keeps nothing to restore from: protection.hasPointInTimeRecovery is off.`,
    )
  const place = region ? { region } : {}
  const StackName = `TaskRunner-${stage}-stateful`
  const { StackResources = [] } = await new CloudFormationClient(place).send(
    new DescribeStackResourcesCommand({ StackName }),
  )
  const isTable = ({ ResourceType }: { ResourceType?: string | undefined }) =>
    ResourceType === 'AWS::DynamoDB::GlobalTable'
  const table = StackResources.find(isTable)?.PhysicalResourceId
  if (!table) throw new Error(`Stack ${StackName} has no table.`)
  const { copied, kept, left } = await restoreTable(new DynamoDBClient(place), {
    table,
    at,
    without: values.without,
    keepsRestoredTable: values.keep,
    now: Date.now,
    tell: console.log,
  })
  console.log(
    `${copied} rows came back, ${kept} were there, ${left} stay gone. The sweeper starts within a minute what is due of them; npx taskrunner doctor shows it.`,
  )
}

try {
  await run()
} catch (cause) {
  console.error((cause as Error).message)
  process.exitCode = 2
}

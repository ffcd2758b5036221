/**
 * The whole product in a separate process, with faults inside and outside, so that it can be killed and started again.
 * `run.ts` starts it and talks to it over IPC.
 */
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import { type Harm, startHarmedRuntime } from '../kit/harmed-runtime.ts'
import { seeded } from '../kit/seeded.ts'

export interface Order extends Harm {
  /** Mean time between two kills of an environment; 0 for never. */
  readonly killEveryMs: number
}
export type Command =
  | { readonly kind: 'heal' | 'sweep' | 'audit' | 'stop' }
  | { readonly kind: 'move-clock'; readonly ms: number }
export type Report =
  | { readonly kind: 'ready'; readonly url: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'audit'; readonly withoutDueTime: number; readonly faults: Record<string, number> }

const order = JSON.parse(process.argv[2] ?? '{}') as Order
const random = seeded(order.seed + 7)
const harmed = await startHarmedRuntime(order)
// The parent process is gone, and no other process would end this one.
process.on('disconnect', () => process.exit(1))
let killed = 0
let isHealed = false

async function killSometimes(): Promise<void> {
  while (!isHealed && order.killEveryMs > 0) {
    await new Promise((resolve) => setTimeout(resolve, order.killEveryMs * (0.5 + random())))
    if (!isHealed && harmed.killOne(random)) killed += 1
  }
}
void killSometimes()

const table = new DynamoDBClient({
  endpoint: harmed.runtime.endpoints.dynamodb,
  region: 'eu-central-1',
  credentials: harmed.runtime.credentials,
})
/** Rows that no timer and no message would ever handle again. */
async function countWithoutDueTime(): Promise<number> {
  let found = 0
  let ExclusiveStartKey: Record<string, never> | undefined
  do {
    const page = await table.send(
      new ScanCommand({
        TableName: harmed.runtime.plan.tables[0]?.name,
        FilterExpression: 'sk = :row AND #status IN (:a, :b, :c, :d) AND attribute_not_exists(dueAt)',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: {
          ':row': { S: 'S' },
          ':a': { S: 'SCHEDULED' },
          ':b': { S: 'PENDING' },
          ':c': { S: 'PROCESSING' },
          ':d': { S: 'RETRYING' },
        },
        ...(ExclusiveStartKey ? { ExclusiveStartKey } : {}),
      }),
    )
    found += page.Count ?? 0
    ExclusiveStartKey = page.LastEvaluatedKey as Record<string, never> | undefined
  } while (ExclusiveStartKey)
  return found
}

const faults = () => ({
  ...prefixed('table ', harmed.dynamo.done),
  ...prefixed('queue ', harmed.sqs.done),
  ...prefixed('bucket ', harmed.s3.done),
  ...prefixed('messages ', harmed.queue.done),
  'environments killed': killed,
})
const prefixed = (prefix: string, counts: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [prefix + name, count]))

const tell = (report: Report) => process.send?.(report)
process.on('message', async (command: Command) => {
  switch (command.kind) {
    case 'heal':
      isHealed = true
      harmed.heal()
      return tell({ kind: 'done' })
    case 'sweep':
      await harmed.sweep().catch(() => undefined)
      return tell({ kind: 'done' })
    case 'move-clock':
      await harmed.moveClock(command.ms)
      return tell({ kind: 'done' })
    case 'audit':
      return tell({ kind: 'audit', withoutDueTime: await countWithoutDueTime(), faults: faults() })
    case 'stop':
      await harmed.stop()
      process.exit(0)
  }
})
tell({ kind: 'ready', url: harmed.runtime.url })
